"""A database comes back from a dump onto an empty server, from the policy, the settings and the bucket alone."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from backups import manifest, roles
from backups.statements import RESTORER
from backups.way_back import bring, statements
from gdpr import ledger, notes
from gdpr.note import Note
from lifecycle import forgotten
from lifecycle.coverage import conclude
from lifecycle.errors import Conflict, NotFound, Refused
from lifecycle.outcome import Outcome, Verdict
from lifecycle.outside.keys import reference_key
from lifecycle.policy import whole
from lifecycle.postgres import server
from lifecycle.postgres.server import Cluster
from tests import build
from tests.database.test_backups import NOW, SLOT, World, in_a_killed_process, world
from tests.database.test_backups_encrypted import new_key, with_settings
from tests.database.test_backups_roles import peopled
from tests.database.test_backups_signed import with_key

__all__ = ["peopled", "world"]

ASKED = (
    "select email, height, mood, facts ->> 'n', shout from people order by email limit 5",
    "select count(*), max(value) from readings",
    "select words from side.notes order by id",
)
"""What the application asks."""


@pytest.fixture
def empty(cluster: Cluster) -> Iterator[Cluster]:
    """A server that has just been made."""
    with server.temporary(cluster.binaries) as made:
        yield made


@pytest.fixture
def lost(peopled: World, tmp_path: Path) -> World:
    """A signed dump was taken of a database with people of all sorts; nobody is to ask that database again."""
    signed = with_key(peopled, tmp_path)
    signed.dump()
    return without_database(signed)


def without_database(world: World) -> World:
    return with_settings(world, dsn="host=/nowhere dbname=gone user=lifecycle")


def name(world: World) -> str:
    return str(conninfo_to_dict(world.admin)["dbname"])


def back(world: World, empty: Cluster) -> Outcome:
    plan = bring.choose(world.system, empty.dsn(), None).plan
    return conclude(bring.bring(world.system, empty.dsn(), plan.hash, None))


def ask(conninfo: str, *asked: str) -> list[Any]:
    with psycopg.connect(conninfo, autocommit=True) as conn:
        return [conn.execute(one.encode()).fetchall() for one in asked]


def on(empty: Cluster, world: World) -> str:
    return empty.dsn(name(world))


def databases(empty: Cluster) -> set[str]:
    return {
        row[0]
        for row in ask(empty.dsn(), "select datname from pg_database where not datistemplate")[0]
    }


def roles_of(empty: Cluster) -> set[str]:
    return {row[0] for row in ask(empty.dsn(), "select rolname from pg_roles")[0]}


def test_all_of_a_database_comes_back_onto_an_empty_server_that_never_saw_it(
    lost: World, empty: Cluster
):
    outcome = back(lost, empty)
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ()), outcome.coverage
    assert ask(on(empty, lost), *ASKED) == ask(lost.admin, *ASKED)
    with psycopg.connect(lost.admin) as was, psycopg.connect(on(empty, lost)) as now:
        wanted, found = roles.read(was, name(lost)), roles.read(now, name(lost))
    assert list(roles.differences(wanted, found)) == []
    assert ask(
        on(empty, lost),
        "select relowner::regrole::text, relrowsecurity, relforcerowsecurity from pg_class where relname = 'people'",
    ) == [[("small_owner", True, True)]]
    assert databases(empty) == {"postgres", name(lost)}
    assert lost.left_behind() == []
    assert {"download_ms", "restore_ms", "compare_ms", "analyze_ms"} <= outcome.counts.keys()


def test_the_plan_says_what_is_lost_and_who_has_no_password_and_holds_twice(
    lost: World, empty: Cluster
):
    one, two = (bring.choose(lost.system, empty.dsn(), None).plan for _ in range(2))
    assert one.hash == two.hash
    assert [step.verb for step in one.decision.steps] == [
        *("make roles", "restore database", "compare", "open")
    ]
    said = "\n".join(one.decision.notes)
    assert "what was written after 2026-11-21 02:00:05Z is not in it" in said
    assert "set one for" in said
    assert f"{name(lost)}_app" in said
    assert "no key has signed" not in said
    with pytest.raises(Conflict, match="the plan is"):
        bring.bring(lost.system, empty.dsn(), "0" * 16, None)
    assert databases(empty) == {"postgres"}


def test_brought_back_twice_it_is_there_already(lost: World, empty: Cluster):
    back(lost, empty)
    plan = bring.choose(lost.system, empty.dsn(), None).plan
    assert (plan.decision.steps, plan.decision.refusals) == ((), ())
    outcome = conclude(bring.bring(lost.system, empty.dsn(), plan.hash, None))
    assert "is there already" in outcome.summary
    assert outcome.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("create database another", "it is not empty: it has another"),
        ("create table left_here (id int)", "is not empty: it has 1 table"),
        ("create role small_owner", "it is not empty: it has the roles small_owner"),
    ],
)
def test_a_server_that_is_not_empty_is_refused_and_left_as_it_is(
    lost: World, empty: Cluster, said: str, why: str
):
    with psycopg.connect(empty.dsn(), autocommit=True) as conn:
        conn.execute(said.encode())
    before = databases(empty)
    plan = bring.choose(lost.system, empty.dsn(), None).plan
    assert any(why in f.what for f in plan.decision.refusals)
    with pytest.raises(Refused):
        bring.bring(lost.system, empty.dsn(), plan.hash, None)
    assert databases(empty) == before


@pytest.mark.parametrize("at", ["_restore", "_measured", "_empower", "_open"])
def test_killed_at_any_step_it_is_closed_and_the_next_try_brings_it_back(
    lost: World, empty: Cluster, monkeypatch: pytest.MonkeyPatch, at: str
):
    real = getattr(bring, at)

    def then_die(*given: Any) -> Any:
        if at != "_open":
            real(*given)
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as fault:
        fault.setattr(bring, at, then_die)
        in_a_killed_process(lambda: back(lost, empty))
    assert databases(empty) == {"postgres", statements.RESTORING}
    if at != "_restore":
        with pytest.raises(
            psycopg.OperationalError, match=r"too many connections|not permitted to log in"
        ):
            psycopg.connect(
                make_conninfo(empty.dsn(statements.RESTORING), user=f"{name(lost)}_app")
            )
    outcome = back(lost, empty)
    assert outcome.verdict is Verdict.PASS, outcome
    assert databases(empty) == {"postgres", name(lost)}
    assert RESTORER not in roles_of(empty)
    assert lost.left_behind() == []


def test_what_is_not_as_dumped_is_never_opened(lost: World, empty: Cluster):
    first = bring.choose(lost.system, empty.dsn(), None).dumped
    tables = dict(first.tables)
    tables["people"] = tables["people"].model_copy(update={"rows": 300})
    altered = first.model_copy(update={"tables": tables}).to_json()
    from backups import seal

    signs = seal.of(lost.system).signs
    assert signs is not None
    lost.write(manifest.beside(first.key), altered)
    lost.write(manifest.beside(first.key, seal.NAME), signs.sign(altered))
    outcome = back(lost, empty)
    assert outcome.verdict is Verdict.FAIL
    assert "was not opened" in outcome.summary
    assert databases(empty) == {"postgres", statements.RESTORING}


def test_a_dump_whose_manifest_is_not_signed_by_us_does_not_count(lost: World, empty: Cluster):
    for key in tuple(lost.keys()):
        if key.endswith(".sig"):
            lost.write(key, b"0" * 64)
    with pytest.raises(NotFound, match="no dump that counts"):
        bring.choose(lost.system, empty.dsn(), None)


@pytest.mark.parametrize("says", ["0" * 64, None])
def test_a_manifest_that_says_it_is_signed_is_not_taken_at_its_word_where_no_key_is_set(
    peopled: World, empty: Cluster, says: str | None
):
    """Whoever may write to the bucket writes that, too, and a superuser would carry out what he put there."""
    peopled.rewrite(peopled.dump(), signed_by=says)
    plan = bring.choose(without_database(peopled).system, empty.dsn(), None).plan
    assert "no key has signed this dump" in str(plan.decision.notes)


def test_an_older_dump_can_be_chosen_and_the_newest_is_it_otherwise(
    peopled: World, empty: Cluster, tmp_path: Path
):
    world = with_key(peopled, tmp_path)
    older = world.dump()
    newer = world.dump(SLOT + timedelta(days=1), NOW + timedelta(days=1))
    gone = without_database(world).system
    assert bring.choose(gone, empty.dsn(), None).dumped.key == newer.key
    assert bring.choose(gone, empty.dsn(), older.key).dumped.key == older.key
    with pytest.raises(NotFound, match="no dump nothing/of/ours"):
        bring.choose(gone, empty.dsn(), "nothing/of/ours")


def erasing(world: World, ledger: str | None, directory: Path) -> World:
    """Return the world with a policy that erases people, and with this bucket for their ledger."""
    policy = whole.model().model_validate(
        {
            "system": "small",
            "database": name(world),
            "tables": {
                "people": {"owner": {"person": "id"}},
                "erasure_requests": {"personal": "none", "because": "numbers alone"},
            },
            "subjects": {"person": {"table": "people", "key": "id", "identifiers": ("email",)}},
            "backups": {"dumps": {"bucket": "backups", "prefix": "daily/"}},
            "erasure": {
                "requests": {
                    "table": "erasure_requests",
                    "key": "id",
                    "subject": "person",
                    "requested": "requested",
                    "completed": "completed",
                    "due": "due",
                    "status": "status",
                    "states": {
                        "pending": "a",
                        "processing": "b",
                        "completed": "c",
                        "cancelled": "d",
                    },
                },
                "subject": "person",
                "grace": "30 days",
            },
        }
    )
    made = replace(world, system=replace(world.system, policy=policy))
    buckets = {"backups": world.bucket} | ({"erasure-ledger": ledger} if ledger else {})
    return with_settings(made, buckets=buckets, **build.reference_key(directory))


def erased(world: World, number: int, at: str, whose: str) -> None:
    """Write a line of the ledger outside, as an erasure does that was proven at that moment."""
    when = datetime.fromisoformat(at)
    note = Note(whose, (), (), {})
    key = reference_key(world.system.settings.reference_key)
    entry = notes.Entry("f" * 32, notes.whose(key, whose), str(number), (), "erased", note, when, None, {}, when)  # fmt: skip
    body = ledger.body(world.system, number, "person", entry)
    bucket = world.system.settings.buckets["erasure-ledger"]
    name = f"erasures/small/{number:012d}-{'f' * 32}.json"
    world.client.put_object(Bucket=bucket, Key=name, Body=body)


def test_whoever_was_erased_since_the_dump_keeps_everybody_out_but_the_service_until_they_are_gone(
    lost: World, empty: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    outside = f"{lost.bucket}-ledger"
    lost.client.create_bucket(Bucket=outside)
    world = erasing(lost, outside, tmp_path)
    for number, at in ((6, "2026-11-20T02:00:00+00:00"), (7, "2026-11-22T02:00:00+00:00")):
        erased(world, number, at, "somebody")
    plan = bring.choose(world.system, empty.dsn(), None).plan
    assert [n for n in plan.decision.notes if "erased after" in n] == [
        f"erased after the dump, to be repeated: line 7 (request {'f' * 32}), erased at 2026-11-22T02:00:00+00:00"
    ]
    outcome = back(world, empty)
    assert outcome.verdict is Verdict.UNVERIFIED
    assert "closed but to the service" in outcome.summary
    with psycopg.connect(on(empty, lost)) as conn:
        rights = roles.read(conn, name(lost)).rights
    assert {one.grantee for one in rights if one.right == "CONNECT"} == {*statements.SERVICE}
    # What it remembers itself is asked now, and that is neither line.
    shut = bring.choose(world.system, empty.dsn(), None).plan.decision
    assert (shut.steps, shut.notes[0].partition("; ")[2]) == ((), "it is closed: 2 erasures made since the dump")  # fmt: skip
    assert back(world, empty).verdict is Verdict.UNVERIFIED

    def nobody(_conn: object, _system: object) -> tuple[str, ...]:
        return ()

    monkeypatch.setattr(forgotten, "missing", nobody)  # as after a replay
    assert [s.verb for s in bring.choose(world.system, empty.dsn(), None).plan.decision.steps] == ["open"]  # fmt: skip
    assert back(world, empty).verdict is Verdict.PASS
    with psycopg.connect(on(empty, lost)) as conn:
        given = roles.read(conn, name(lost)).rights
    beside = bring.choose(world.system, empty.dsn(), None).beside
    assert beside is not None
    assert given == beside.rights
    assert bring.choose(world.system, empty.dsn(), None).plan.decision.steps == ()


def test_lines_of_an_earlier_release_say_nobody_and_keep_the_database_closed_but_to_superusers(
    lost: World, empty: Cluster, tmp_path: Path
):
    outside = f"{lost.bucket}-ledger"
    lost.client.create_bucket(Bucket=outside)
    line = {"system": "small", "request": "7", "erased_at": "2026-11-22T02:00:00+00:00"}
    lost.client.put_object(Bucket=outside, Key="erasures/r7/x.json", Body=json.dumps(line))
    world = erasing(lost, outside, tmp_path)
    outcome = back(world, empty)
    assert "request 7, erased at 2026-11-22T02:00:00+00:00" in json.dumps(outcome.coverage)
    assert "closed but to superusers" in outcome.summary
    with psycopg.connect(on(empty, lost)) as conn:
        row = conn.execute(
            "select datconnlimit from pg_database where datname = current_database()"
        ).fetchone()
    assert row == (0,)
    assert back(world, empty).verdict is Verdict.UNVERIFIED


def test_where_nobody_can_tell_who_was_erased_the_database_stays_closed(
    lost: World, empty: Cluster, tmp_path: Path
):
    outcome = back(erasing(lost, None, tmp_path), empty)
    assert outcome.verdict is Verdict.UNVERIFIED
    assert "nobody can tell who was erased since" in json.dumps(outcome.coverage)


def test_an_encrypted_dump_comes_back_with_its_key(peopled: World, empty: Cluster, tmp_path: Path):
    recipient, key = new_key(tmp_path, "dumps.key")
    dumps = {"bucket": "backups", "prefix": "daily/", "encrypt": True}
    policy = whole.model().model_validate(
        {"system": "small", "database": name(peopled), "tables": {}, "backups": {"dumps": dumps}}
    )
    world = with_key(replace(peopled, system=replace(peopled.system, policy=policy)), tmp_path)
    world = with_settings(world, dump_recipients=[recipient], dump_identity=key)
    world.dump()
    assert back(without_database(world), empty).verdict is Verdict.PASS
    assert ask(on(empty, world), *ASKED) == ask(world.admin, *ASKED)
