"""Rows of one table come back out of a dump: what is missing, and nothing else, without whoever was forgotten since."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backups import dump, manifest, shelf
from backups.manifest import Manifest
from backups.one_table import back
from backups.one_table.back import Look
from backups.one_table.copied import Wanted
from lifecycle.admin import install
from lifecycle.errors import Conflict, InputError, LifecycleError, NotFound, Unproven
from lifecycle.job import Job
from lifecycle.ledger import claims
from lifecycle.outcome import Outcome, Verdict
from lifecycle.policy import whole
from lifecycle.postgres import catalog
from lifecycle.returning import put
from lifecycle.running import apply
from tests import build, forked
from tests.database import test_archives_restore as archived
from tests.database.test_archives_restore import NOW, SCHEMA
from tests.database.test_backups import client_of
from tests.keep import work

POLICY = archived.POLICY | {"backups": {"dumps": {"bucket": "dumps"}}}


@dataclass
class World(archived.World):
    """A database with visits of five people, dumped."""

    settings: Path
    bucket: str
    client: Any

    def dump(self) -> Manifest:
        claim = self.claim("backups.dump")
        assert work(dump.carry_out, self.system, claim, NOW + timedelta(seconds=5)).well
        with self.system.connect("test") as conn:
            claims.finish(conn, claim, Outcome(Verdict.PASS, "done"))
        taken = shelf.of_slot(self.system, claim)
        assert taken is not None
        return taken

    def look(self, table: str, column: str | None = None, key: str | None = None, of: str | None = None) -> Look:  # fmt: skip
        return back.look(self.system, Wanted(table, column, key, of))

    def bring(self, shown: str, wanted: Wanted) -> Outcome:
        def work(task: object) -> object:
            return back.carry_out(task, wanted, shown)  # pyright: ignore[reportArgumentType]

        job = Job("backups.restore", "a test", "0 0 1 1 *", work)  # pyright: ignore[reportArgumentType]
        return apply.carry_out(self.system, self.claim("backups.restore"), job, NOW)

    def lifecycle(self, *words: str, typed: str = ""):
        environment = dict(os.environ) | {"LIFECYCLE_SETTINGS": str(self.settings)}
        return forked.run(words, environment, Path.cwd(), timeout=100, typed=typed)


@pytest.fixture
def world(database: str, outside: tuple[str, str], tmp_path: Path) -> Iterator[World]:
    bucket = f"one-{hashlib.sha256(database.encode()).hexdigest()[:12]}"
    client = client_of(outside[0])
    client.create_bucket(Bucket=bucket)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(b"set timezone to 'UTC'")
        admin.execute(SCHEMA.encode())
        seen = catalog.read(admin)
        policy = whole.model().model_validate_json(json.dumps(POLICY | {"database": seen.database}))
        install.install(admin, policy, seen, None)
    scratch = Path(tempfile.mkdtemp(prefix="lc-one-"))
    scratch.chmod(0o755)
    own = build.store_at(outside[0], tmp_path) | {"buckets": {"dumps": bucket, "archives": bucket}}
    own |= build.reference_key(tmp_path) | {"ddl": {"user": "lifecycle_ddl"}}
    machine = {"base": tmp_path, "scratch": str(scratch)}
    made = build.system(database, policy, machine, **own)
    (tmp_path / "policy.yaml").write_text(json.dumps(POLICY | {"database": seen.database}))
    system = own | {"policy": "policy.yaml", "dsn": made.settings.dsn}
    settings = {"systems": {"small": system}, "scratch": str(scratch), "daemon": {"listen": None}}
    (tmp_path / "lifecycle.yaml").write_text(json.dumps(settings))
    try:
        yield World(database, made, tmp_path / "lifecycle.yaml", bucket, client)
    finally:
        with psycopg.connect(database, autocommit=True) as admin:
            for said in ("reassign owned by firm to current_user; drop owned by firm; drop owned by reader",
                         "drop role firm; drop role reader"):  # fmt: skip
                admin.execute(said.encode())


def some(look: Look) -> tuple[int, int, int]:
    return look.missing.rows, look.changed.rows, look.added.rows


def test_what_is_missing_comes_back_and_nothing_else_changes(world: World):
    taken = world.dump()
    world.forget(3)
    world.say(
        "delete from line; delete from visit where id in (4, 6, 7, 9);"
        "update visit set words = 'later' where id = 10;"
        "insert into visit (at, person_id, words) values ('2020-12-01', 1, 'new')"
    )
    seen = world.look("visit")
    assert (some(seen), seen.plan.decision.refusals) == ((4, 1, 1), ())
    assert "4 rows of people forgotten since stay away" in seen.plan.decision.notes
    # Whoever goes on writing changes no plan: it binds what would come, and nothing else.
    world.say("insert into visit (at, person_id, words) values ('2020-12-02', 1, 'newer')")
    outcome = world.bring(seen.plan.hash, Wanted("visit"))
    assert (outcome.verdict.value, outcome.counts["restored"]) == ("pass", 4)
    ids = "select array_agg(id order by id) from visit where at < '2020-11-01'"
    assert world.ask(ids) == [1, 3, 4, 6, 7, 9, 10, 12]
    assert world.ask("select count(*) from visit where person_id = 3") == 0
    assert world.ask("select words from visit where id = 10") == "later"
    assert not world.ask("select has_table_privilege('lifecycle', 'visit', 'insert')")
    # Those of one key come alone; of the others here nobody can say whose they were.
    one = world.look("line", "id", "7")
    assert (some(one), one.plan.decision.refusals) == ((1, 0, 0), ())
    world.say("delete from visit where id = 7")
    with pytest.raises(Conflict, match="world has changed"):
        world.bring(one.plan.hash, Wanted("line", "id", "7"))
    refused = {why.what for why in world.look("line").plan.decision.refusals}
    assert any("of 5 rows nobody can say whose they are" in what for what in refused), refused
    line = world.ask(
        "select to_jsonb(e) from lifecycle.evidence e where event = 'backups.rows_restored'"
    )
    assert (line["counts"]["rows"], line["counts"]["left_out"]) == (4, 4)
    assert line["digest"] == taken.sha256


def test_who_is_forgotten_between_the_look_and_the_restore_stays_away(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    world.dump()
    world.say(
        "delete from line; delete from visit; delete from request; delete from people where id = 4"
    )
    seen = world.look("people")
    assert some(seen)[0] == 1
    put_in = put.put

    def late(*asked: Any) -> int:
        world.forget(1)
        return put_in(*asked)

    monkeypatch.setattr(put, "put", late)
    with pytest.raises(Conflict, match="forgotten since the rows were loaded"):
        world.bring(seen.plan.hash, Wanted("people"))
    assert world.ask("select count(*) from people where id in (1, 4)") == 0


def test_what_cannot_come_is_refused_with_the_reason(world: World):
    taken = world.dump()
    world.say("delete from line; delete from visit; delete from request; delete from people")
    (refused,) = world.look("visit").plan.decision.refusals
    assert "12 rows would lead to rows of people that are not there" in refused.what
    wrong: dict[Wanted, type[LifecycleError]] = {
        Wanted("nothing"): NotFound,
        Wanted("visit", "nothing", "1"): NotFound,
        Wanted("visit", "id", "no-number"): InputError,
        Wanted("visit", dump="daily/2020-01-01/1-1/data.dump"): Unproven,
    }
    for wanted, kind in wrong.items():
        with pytest.raises(kind) as caught:
            back.look(world.system, wanted)
        assert "no-number" not in str(caught.value)
    # Nobody is believed for writing to the bucket: a manifest that the ledger does not know is nobody's.
    place = manifest.beside(taken.key)
    world.client.put_object(
        Bucket=world.bucket,
        Key=place,
        Body=taken.model_copy(update={"tool": "somebody else's"}).to_json(),
    )
    with pytest.raises(Unproven, match="not one that the ledger speaks of"):
        world.look("people")


@pytest.mark.slow
def test_the_runbook_brings_one_table_back(world: World):
    taken = world.dump()
    world.say("delete from line where id > 5")
    asked = ("backups", "restore", "table", "line", "--dump", taken.key)
    shown = json.loads(world.lifecycle("--json", *asked).stdout)
    assert (shown["seen"]["missing"]["rows"], shown["steps"][0]["rows"]) == (7, 7)
    told = world.lifecycle(*asked).stdout
    assert (
        f"lifecycle backups restore table line --dump {taken.key} --apply {shown['hash']}" in told
    )
    walked = world.lifecycle(
        *("runbooks", "run", "one-table-back", "--table", "line", "--dump", taken.key, "--plan", shown["hash"]),
        typed="r\nstopped\nr\nr\nall that I miss\nr\nr\nr\nnone\nr\ntold\n",
    )  # fmt: skip
    assert walked.returncode == 0, walked.stdout + walked.stderr
    assert world.ask("select count(*) from line") == 12
    # A key that is read from standard input is told to nobody.
    world.say("delete from line where id = 3")
    one = world.lifecycle("--json", *asked, "--column", "id", "--key", "-", typed="3\n")
    assert json.loads(one.stdout)["only"] == "table line, rows of one id"
