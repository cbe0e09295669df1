"""A database that was put back to before an erasure: noticed, fenced, and whoever was erased is erased again."""

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from gdpr import answer, erase, findings, ledger, notes, outside
from gdpr.replay.promise import PROMISE
from lifecycle import clock, fence
from lifecycle.admin import install
from lifecycle.daemon.turns import Turns
from lifecycle.errors import NotFound, Refused, Unreachable
from lifecycle.job import Job
from lifecycle.ledger import claims
from lifecycle.outcome import Outcome, Verdict
from lifecycle.outside.keys import reference_key
from lifecycle.policy.model import Table
from lifecycle.postgres import catalog
from lifecycle.postgres.server import Cluster
from lifecycle.running import run
from lifecycle.schedule.state import DaemonState
from lifecycle.watch import check, http, metrics, page
from tests.database.clinic import ANNA, NOW, OTTO, TRACES, Clinic
from tests.keep import keep, plan

LATER = NOW + timedelta(days=1)


class Killed(BaseException):
    """The process ends here."""


def die(*_given: Any, **_named: Any) -> Any:
    raise Killed


@pytest.fixture
def snapshot(clinic: Clinic, cluster: Cluster) -> Iterator[Callable[[], None]]:
    """Keep a copy of the clinic as it is now; the answer puts it back, as a snapshot of a disk does."""
    name = str(conninfo_to_dict(clinic.admin)["dbname"])
    kept = f"{name}_kept"
    with psycopg.connect(cluster.dsn(), autocommit=True) as conn:

        def say(text: str, *names: str) -> None:
            conn.execute(sql.SQL(text).format(*map(sql.Identifier, names)))  # pyright: ignore[reportArgumentType]

        def back() -> None:
            say("drop database {} with (force)", name)
            say("create database {} template {}", name, kept)

        say("create database {} template {}", kept, name)
        yield back
        say("drop database {}", kept)


@pytest.fixture
def put_back(clinic: Clinic, snapshot: Callable[[], None]) -> Clinic:
    """The clinic in which Anna was erased and proven, put back to before that."""
    clinic.erase()
    assert clinic.traces() == []
    snapshot()
    return clinic


def look(clinic: Clinic) -> fence.Seen:
    with contextlib.closing(clinic.system.connect("test")) as conn:
        return fence.look(conn, clinic.system)


def replay(clinic: Clinic, only: str | None = None) -> Outcome:
    clinic.ask("update lifecycle.run set state = 'lost', holder = null where state = 'running'")
    shown = plan(PROMISE, clinic.system, LATER, only)
    with contextlib.closing(clinic.system.connect("test")) as conn:
        at = LATER + timedelta(seconds=clinic.ask("select count(*) from lifecycle.run")[0])
        claim = claims.claim_new(
            conn, "clinic", "gdpr.replay", at, claims.new_holder(), asked_by="person"
        )
    return keep(PROMISE, clinic.system, claim, LATER, shown)


def whys(clinic: Clinic) -> list[str]:
    return [one.why for one in look(clinic).standing]


def is_erased_again(clinic: Clinic, others: dict[str, list[Any]]) -> None:
    """Assert the one end every replay has: Anna is nowhere, all else is as it was after the first erasure."""
    assert clinic.traces() == []
    found = clinic.everything()
    assert {**found, "request": None} == {**others, "request": None}  # answered at another moment
    assert clinic.ask("select state from request where request_id = 1") == ["completed"]
    assert clinic.ask("select max(number) from lifecycle.erasure_seen") == [1]
    assert look(clinic).standing == ()


def test_a_dump_that_is_loaded_by_hand_brings_back_whoever_was_erased_and_a_replay_erases_them_again(
    clinic: Clinic, cluster: Cluster
) -> None:
    name, file = str(conninfo_to_dict(clinic.admin)["dbname"]), str(cluster.directory / "of.dump")
    assert look(clinic).standing == ()
    cluster.run("pg_dump", "-Fc", "-f", file, "-d", cluster.dsn(name))
    clinic.erase()
    others = clinic.everything()
    assert look(clinic).standing == ()
    with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
        for text in ("drop database {} with (force)", "create database {} template template0"):
            conn.execute(sql.SQL(text).format(sql.Identifier(name)))
    cluster.run("pg_restore", "-d", cluster.dsn(name), file)
    assert clinic.traces() != []
    [why] = whys(clinic)
    assert f"it does not know of line 1 (request {clinic.reference(1)})" in why
    outcome = replay(clinic)
    assert (outcome.verdict, outcome.failures) == (Verdict.UNVERIFIED, ())
    assert {k: outcome.counts[k] for k in ("lines", "erased", "nobody", "left")} == {
        "lines": 1,
        "erased": 1,
        "nobody": 0,
        "left": 0,
    }
    is_erased_again(clinic, others)
    dumped = cluster.run("pg_dump", "-d", cluster.dsn(name))
    assert not [trace for trace in TRACES if trace.lower() in dumped.lower().replace("joanna", "")]
    said = "select event, target from lifecycle.evidence where reference = %(ref)s order by id"
    lines = clinic.ask(said, ref=clinic.reference(1))
    assert [line for line in lines if line[0] == "gdpr.replayed"] == [("gdpr.replayed", "request")]


def test_while_the_fence_stands_nothing_is_read_out_and_everybody_hears_of_it(
    put_back: Clinic,
) -> None:
    done: list[str] = []

    def read_out(_task: object) -> Any:
        done.append("read")

    with pytest.raises(Refused, match="older than the ledger of erasures"):
        run.by_hand(put_back.system, Job("test.dump", "x", "0 0 1 1 *", read_out, spreads=True))
    assert done == []
    assert put_back.ask("select kind from lifecycle.alert where kind = 'fenced'") == ["fenced"]
    look(put_back)
    assert put_back.ask("select count(*) from lifecycle.alert where kind = 'fenced'") == [1]
    worst = next(iter(check.jobs(put_back.system, NOW)))
    assert (worst.job, worst.state) == ("fence", check.State.CRITICAL)
    assert "gdpr replay plan" in worst.why
    replay(put_back)
    assert "fence" not in [judged.job for judged in check.jobs(put_back.system, NOW)]
    assert put_back.ask("select count(*) from lifecycle.alert where kind = 'recovered'") == [1]


def test_monitors_are_told_of_the_fence_as_long_as_it_stands(put_back: Clinic) -> None:
    """By a daemon's own turns: /readyz, the page, the figure that `docs/alerts.yml` asks, and doctor."""
    system = put_back.system
    state = DaemonState("me", (system,), {"clinic": ()}, clock.now())
    turns = Turns(state, system)
    turns.tick()
    turns.fence()
    code, _, body = http.ready(state)
    told = json.loads(body)["systems"]["clinic"]
    assert (code, "older than the ledger" in told["why"]) == (503, True)
    assert "gdpr replay plan" in told["hint"]
    assert b'lifecycle_fenced{system="clinic"} 1.0' in metrics.render(state)
    assert "gdpr replay plan" in page.render(state, clock.now())
    [finding] = findings.FINDINGS["ledger of erasures"](system)
    assert (finding.verdict, "gdpr replay plan" in finding.fix) == (Verdict.FAIL, True)
    replay(put_back)
    turns.fence()
    assert http.ready(state)[0] == 200
    assert b'lifecycle_fenced{system="clinic"} 0.0' in metrics.render(state)
    assert "gdpr replay plan" not in page.render(state, clock.now())
    [finding] = findings.FINDINGS["ledger of erasures"](system)
    assert (finding.verdict, finding.what.partition(";")[0]) == (
        Verdict.PASS,
        "followed up to line 1",
    )


STEPS = (
    (notes, "put"),
    (outside, "delete_objects"),
    (erase, "erase"),
    (answer, "refresh_statistics"),
    (answer, "complete"),
    (ledger, "mark"),
)


def test_killed_before_and_after_each_step_it_is_run_again_and_ends_the_same(
    clinic: Clinic, snapshot: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic.erase()
    others = clinic.everything()
    snapshot()
    for number, (module, step) in enumerate(STEPS):
        real: Callable[..., Any] = getattr(module, step)

        def after(*given: Any, real: Callable[..., Any] = real, **named: Any) -> Any:
            real(*given, **named)
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(module, step, after if number % 2 else die)
            with pytest.raises(Killed):
                replay(clinic)
        assert whys(clinic) != [] or step == "mark"  # she is proven by then
    assert replay(clinic).failures == ()
    is_erased_again(clinic, others)


def test_whoever_is_not_in_it_any_more_is_looked_up_and_counted(put_back: Clinic) -> None:
    """It was put back to before she signed up: nobody remembers her, and nobody has her key."""
    with psycopg.connect(put_back.admin, autocommit=True) as conn:
        conn.execute("set session_replication_role = replica")
        for table in ("diary", "scan", "paper", "visit", "request", "person"):
            conn.execute(
                sql.SQL("delete from {} where person_id = %s").format(sql.Identifier(table)),
                (ANNA,),
            )
    outcome = replay(put_back)
    assert (outcome.verdict, outcome.counts["nobody"], outcome.counts["erased"]) == (Verdict.PASS, 1, 0)  # fmt: skip
    said = put_back.ask(
        "select target, counts from lifecycle.evidence where event = 'gdpr.replayed'"
    )
    assert said == [("nobody here", {"line": 1, "compared": 2})]
    assert look(put_back).standing == ()


def test_whoever_has_got_the_key_of_an_erased_person_since_is_not_erased_unless_somebody_says_so(
    put_back: Clinic,
) -> None:
    put_back.ask(
        "update person set email = 'new@example.org', name = 'Somebody Else' where person_id = %(p)s",
        p=ANNA,
    )
    refused = plan(PROMISE, put_back.system, LATER)
    assert [f.what[:26] for f in refused.decision.refusals] == ["who has that key now goes "]
    assert [step.verb for step in refused.decision.steps] == ["follow the ledger"]
    outcome = replay(put_back)
    assert (outcome.verdict, outcome.counts["erased"]) == (Verdict.FAIL, 0)
    assert put_back.ask("select name from person where person_id = %(p)s", p=ANNA)
    assert look(put_back).standing != ()
    assert replay(put_back, put_back.reference(1)).counts["erased"] == 1
    assert look(put_back).standing == ()


def test_a_line_that_our_key_did_not_write_is_not_believed_and_keeps_the_fence(
    put_back: Clinic,
) -> None:
    """Who may write to the bucket can have nobody erased: of Otto there is no digest without the key."""
    bucket = put_back.system.settings.buckets["erasure-ledger"]
    [key] = put_back.store.keys("erasure-ledger", "erasures/clinic/")
    line = json.loads(put_back.store.get_bytes("erasure-ledger", key))
    otto = notes.whose(reference_key(put_back.system.settings.reference_key), OTTO)
    for body in (line | {"whose": otto}, ["no line"], line | {"number": 7}):
        put_back.store.client.put_object(Bucket=bucket, Key=key, Body=json.dumps(body))
        assert "is not as our key wrote it" in whys(put_back)[0] or len(whys(put_back)) == 1
        outcome = replay(put_back)
        assert (outcome.verdict, outcome.counts["erased"]) == (Verdict.FAIL, 0)
        assert put_back.ask("select count(*) from person") == [3]
    put_back.store.put_bytes("erasure-ledger", key, json.dumps(line, sort_keys=True).encode())
    assert replay(put_back).counts["erased"] == 1


def test_a_fresh_installation_a_standby_and_the_ledger_of_another_system_raise_no_fence(
    clinic: Clinic, snapshot: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic.erase()
    [key] = clinic.store.keys("erasure-ledger", "erasures/clinic/")
    line = clinic.store.get_bytes("erasure-ledger", key)
    snapshot()
    bucket = clinic.system.settings.buckets["erasure-ledger"]
    clinic.store.client.delete_object(Bucket=bucket, Key=key)
    clinic.store.put_bytes("erasure-ledger", key.replace("/clinic/", "/clinic2/"), line)
    assert whys(clinic) == []  # another system's
    snapshot()
    clinic.store.put_bytes("erasure-ledger", key, line)
    with monkeypatch.context() as patched:
        patched.setattr(ledger, "_STANDBY", "select true")
        assert whys(clinic) == []
    with psycopg.connect(clinic.admin, autocommit=True) as conn:
        conn.execute("truncate person cascade")  # installed, and nobody has come yet
    assert whys(clinic) == []
    clinic.ask(
        "insert into person select %(p)s, household_id, 'a@b', 'c' from household limit 1", p=ANNA
    )
    assert whys(clinic) == []


def test_a_ledger_that_cannot_be_read_stops_nothing_that_never_had_an_answer_of_it(
    put_back: Clinic,
) -> None:
    at = put_back.system.settings
    assert at.s3 is not None
    nowhere = at.s3.model_copy(update={"endpoint": "http://127.0.0.1:9"})
    away = at.model_copy(update={"s3": nowhere})
    there, dark = put_back.system, replace(put_back.system, settings=away)
    with contextlib.closing(there.connect("test")) as conn:
        assert fence.look(conn, dark) == fence.Seen((), None)
        fence.must_not_stand(dark)
        ledger.mark(conn, 0, "first asked")
        seen = fence.look(conn, dark)
        assert (seen.standing, type(seen.unknown)) == ((), Unreachable)
        with pytest.raises(Unreachable):
            fence.must_not_stand(dark)
        fence.look(conn, there)
        [still] = fence.look(conn, dark).standing  # what stood goes on standing
        assert "older than the ledger" in still.why


def test_between_the_line_and_the_answer_an_erasure_raises_no_fence_against_itself(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(answer, "complete", die)
        with pytest.raises(Killed):
            clinic.erase()
    assert len(clinic.store.keys("erasure-ledger", "erasures/clinic/")) == 1
    assert whys(clinic) == []
    clinic.erase()
    assert len(clinic.store.keys("erasure-ledger", "erasures/clinic/")) == 1
    assert clinic.ask("select number, how from lifecycle.erasure_seen order by seen_id") == [
        *[(1, "first asked"), (1, "proven")]
    ]


def test_nobody_but_the_service_moves_what_was_seen_and_nobody_takes_it_back(
    put_back: Clinic,
) -> None:
    look(put_back)
    tries = (
        "insert into lifecycle.erasure_seen (number, how) values (99, 'replayed')",
        "update lifecycle.erasure_seen set number = 99",
        "delete from lifecycle.erasure_seen",
        "update lifecycle.fence set until = now()",
        "delete from lifecycle.fence",
    )
    for statement in tries:
        with psycopg.connect(put_back.admin, autocommit=True) as conn:
            conn.execute("set role clinic_owner")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement.encode())
    with contextlib.closing(put_back.system.connect("test")) as conn:
        ledger.mark(conn, 0, "first asked")
        for statement in ("update lifecycle.erasure_seen set number = 0", "delete from lifecycle.erasure_seen"):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement.encode())


def test_lines_are_locked_where_the_bucket_offers_it(clinic: Clinic) -> None:
    client, bucket = clinic.store.client, f"{clinic.system.settings.buckets['papers']}-locked"
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    buckets = clinic.system.settings.buckets | {"erasure-ledger": bucket}
    settings = clinic.system.settings.model_copy(update={"buckets": buckets})
    locked = replace(clinic, system=replace(clinic.system, settings=settings))
    locked.erase()
    [key] = [
        one.get("Key", "") for one in client.list_objects_v2(Bucket=bucket).get("Contents", ())
    ]
    kept = client.head_object(Bucket=bucket, Key=key)
    assert kept["ObjectLockMode"] == "GOVERNANCE"
    assert kept["ObjectLockRetainUntilDate"] - NOW > timedelta(days=3650)


def test_a_reference_that_is_not_missing_is_refused_by_name(clinic: Clinic) -> None:
    with pytest.raises(NotFound, match="no line of that reference is missing here"):
        plan(PROMISE, clinic.system, NOW, clinic.reference(1))
    assert plan(PROMISE, clinic.system, NOW).decision.steps == ()


@pytest.fixture
def quoting(clinic: Clinic) -> Clinic:
    """The clinic in which a note about Otto quotes Anna, and two of them share a call that one was a party of."""
    clinic.ask("update visit set note = 'call anna@example.org' where (site, number) = (2, 1)")
    clinic.ask(
        "set role clinic_owner; create table call (n int primary key, a uuid references person, b uuid references person);"
        f" insert into call values (1, '{ANNA}', '{OTTO}'), (2, '{ANNA}', null)"
    )
    tables = dict(clinic.system.policy.tables)
    tables["visit"] = tables["visit"].model_copy(update={"quotes": {"note": "redact"}})
    tables["call"] = Table.model_validate({"owner": {"person": {"party": {"a": (), "b": ()}}}})
    policy = clinic.system.policy.model_copy(update={"tables": tables})
    with psycopg.connect(clinic.admin, autocommit=True) as conn:
        install.install(conn, policy, catalog.read(conn), None)
    return replace(clinic, system=replace(clinic.system, policy=policy))


def test_what_quotes_them_and_names_them_as_a_party_is_taken_out_again(
    quoting: Clinic, snapshot: Callable[[], None]
) -> None:
    outcome = quoting.erase()
    assert outcome.failures == ()
    said = "select note, doctor_id from visit where (site, number) = (2, 1)"
    assert quoting.ask(said) == [("call ***", None)]
    snapshot()
    assert quoting.ask(said) == [("call anna@example.org", uuid.UUID(ANNA))]
    outcome = replay(quoting)
    assert (outcome.verdict, outcome.failures) == (Verdict.UNVERIFIED, ())
    assert quoting.ask(said) == [("call ***", None)]
    assert quoting.ask("select n, a, b from call") == [(1, None, uuid.UUID(OTTO))]
