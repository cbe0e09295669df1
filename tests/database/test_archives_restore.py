"""Archived rows come back as far as they may: into the table or beside it, without whoever was forgotten since."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest

from lifecycle.admin import access, install
from lifecycle.errors import Conflict, LifecycleError, NotFound, Refused, Unproven
from lifecycle.job import Job
from lifecycle.ledger import claims
from lifecycle.ledger.claims import Claim
from lifecycle.outside.keys import reference_key
from lifecycle.plan import Plan, Step
from lifecycle.policy import whole
from lifecycle.postgres import catalog
from lifecycle.promise import Task
from lifecycle.returning import put, statements
from lifecycle.running import apply
from lifecycle.sandbox import s3
from lifecycle.system import System
from retention.archive import manifest, restore, shelf, write
from retention.archive.manifest import Manifest
from retention.archive.restore import Wanted
from retention.archive.rows import Rows
from tests import build

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SCHEMA = """
    create role reader; create role firm;
    create table people (id int primary key, email text unique);
    create table request (id int primary key, person_id int references people, asked timestamptz, due timestamptz,
                          state text, done timestamptz);
    create table visit (id bigint generated always as identity, at timestamptz, person_id int not null references people,
        doctor_id int references people, words text, note text, shout text generated always as (upper(words)) stored,
        primary key (id, at)) partition by range (at);
    create table visit_2020 partition of visit for values from ('2020-01-01') to ('2021-01-01');
    create table visit_rest partition of visit default;
    create table line (id int primary key, visit_id bigint, visit_at timestamptz, words text,
                       foreign key (visit_id, visit_at) references visit);
    create schema side;
    alter schema public owner to firm;
    alter table people owner to firm; alter table request owner to firm; alter table line owner to firm;
    alter table visit owner to firm; alter table visit_2020 owner to firm; alter table visit_rest owner to firm;
    alter default privileges for role firm grant select on tables to reader;
    insert into people select n, n || '@example.org' from generate_series(1, 5) n;
    insert into visit (at, person_id, doctor_id, words, note)
        select '2020-06-01'::timestamptz + n * interval '1 day', n % 3 + 1, 4 + n % 2, 'words ' || n, 'note' from generate_series(1, 12) n;
    insert into line select n, n, '2020-06-01'::timestamptz + n * interval '1 day', 'line' from generate_series(1, 12) n;
"""
POLICY: dict[str, Any] = {
    "system": "small",
    "subjects": {"person": {"table": "people", "key": "id", "identifiers": ["email"]}},
    "tables": {
        "people": {"owner": {"person": "id"}},
        "request": {"owner": {"person": "person_id"}, "keep": {"clear": ["person_id"], "because": "proof"}},
        "visit": {"owner": {"person": "person_id"}, "mentions": {"doctor_id": "set null"}},
        "line": {"owner": {"person": {"through": ["visit_id", "visit_at"]}}},
    },
    "retention": [
        {"table": name, "by": by, "after": "5 years", "do": "delete", "because": "it is over"}
        for name, by in (("visit", "at"), ("line", "visit_at"))
    ],
    "erasure": {
        "subject": "person",
        "grace": "1 day",
        "requests": {"table": "request", "key": "id", "subject": "person_id", "requested": "asked", "due": "due", "status": "state", "completed": "done"},
    },
    "archives": {"bucket": "archives"},
}  # fmt: skip


@dataclass
class World:
    """A database with visits of five people, archived."""

    admin: str
    system: System

    def say(self, text: str) -> None:
        with psycopg.connect(self.admin, autocommit=True) as admin:
            admin.execute(b"set timezone to 'UTC'")
            admin.execute(text.encode())

    def ask(self, text: str) -> Any:
        with psycopg.connect(self.admin, autocommit=True) as admin:
            row = admin.execute(text.encode()).fetchone()
            assert row is not None
            return row[0]

    def claim(self, job: str) -> Claim:
        self.say("update lifecycle.run set state = 'lost', holder = null where state = 'running'")
        at = NOW.replace(microsecond=self.ask("select count(*) from lifecycle.run"))
        with closing(self.system.connect("test")) as conn:
            return claims.claim_new(conn, "small", job, at, claims.new_holder(), asked_by="person")

    def archive(self, table: str, leaf: str) -> Manifest:
        task, on = Task(self.system, self.claim("retention.expire"), NOW), shelf.shelf(self.system)
        with closing(self.system.connect("test")) as conn, closing(on.store):
            return write.write(task, conn, on, Rows(table, leaf))

    def plan(
        self, written: Manifest, into: str | None = None, beside: str | None = None
    ) -> Plan[Step]:
        return restore.plan(self.system, Wanted(written.sha256[:12], into, beside))

    def restore(
        self, written: Manifest, shown: str, into: str | None = None, beside: str | None = None
    ) -> Any:
        wanted = Wanted(written.sha256[:12], into, beside)
        job = Job(
            "retention.restore",
            "a test",
            "0 0 1 1 *",
            lambda t: restore.carry_out(t, wanted, shown),
        )
        return apply.carry_out(self.system, self.claim("retention.restore"), job, NOW)

    def forget(self, person: int, *, marked: bool = True) -> None:
        """Delete a person's rows, as an erasure does, with the mark that it leaves."""
        mark = reference_key(self.system.settings.reference_key).reference("person", str(person))
        self.say(
            f"delete from line where visit_id in (select id from visit where person_id = {person});"
            f"delete from visit where person_id = {person}; update visit set doctor_id = null where doctor_id = {person};"
            f"delete from people where id = {person};"
            "insert into lifecycle.erasure (reference, request, state, person, erased_at, proven_at)"
            f" values ('r{person}', '1', 'proven', '{mark if marked else ''}', '2026-12-01', '2026-12-01')"
        )


@pytest.fixture
def world(database: str, outside: tuple[str, str], tmp_path: Path) -> Iterator[World]:
    """The database, with a service that may step into the tables' owner."""
    bucket = f"archives-{hashlib.sha256(database.encode()).hexdigest()[:12]}"
    client: Any = boto3.client(  # pyright: ignore[reportUnknownMemberType]
        "s3",
        endpoint_url=outside[0],
        region_name=s3.REGION,
        aws_access_key_id=s3.ACCESS_KEY,
        aws_secret_access_key=s3.SECRET_KEY,
    )
    client.create_bucket(Bucket=bucket)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(b"set timezone to 'UTC'")
        admin.execute(SCHEMA.encode())
        seen = catalog.read(admin)
        policy = whole.model().model_validate_json(json.dumps(POLICY | {"database": seen.database}))
        install.install(admin, policy, seen, None)
    own = build.store_at(outside[0], tmp_path) | {"buckets": {"archives": bucket}}
    own |= build.reference_key(tmp_path) | {"ddl": {"user": "lifecycle_ddl"}}
    try:
        yield World(database, build.system(database, policy, {"base": tmp_path}, **own))
    finally:
        with psycopg.connect(database, autocommit=True) as admin:
            for statement in (
                b"reassign owned by firm to current_user",
                b"drop owned by firm",
                b"drop owned by reader",
                b"drop role firm",
                b"drop role reader",
            ):
                admin.execute(statement)


def test_rows_come_back_without_whoever_was_forgotten_and_overwrite_nothing(world: World):
    written = world.archive("visit", "visit_2020")
    world.forget(3)
    world.forget(5)  # a doctor of others
    world.say(
        "delete from line; delete from visit where id > 3; update visit set words = 'kept' where id = 3;"
        "alter table visit add column came int not null default 7; alter table visit drop column note"
    )
    shown = world.plan(written, into="visit")
    assert (shown.decision.steps[0].rows, shown.decision.refusals) == (6, ())
    told = " ".join(shown.decision.notes)
    for words in (
        *(
            "4 rows of people forgotten since stay away",
            "note is no column any more",
            "shout is computed anew",
        ),
        *(
            "came came since: it is its default",
            "2 rows have a key that the table has",
            "1 of them are other rows",
        ),
    ):
        assert words in told
    assert world.ask("select count(*) from visit") == 2
    with pytest.raises(Conflict, match="world has changed"):
        world.restore(written, "0" * 16, into="visit")
    outcome = world.restore(written, shown.hash, into="visit")
    assert (outcome.verdict.value, outcome.counts["restored"]) == ("pass", 6)
    assert world.ask("select array_agg(id order by id) from visit") == [1, 3, 4, 6, 7, 9, 10, 12]
    assert world.ask("select count(*) from visit where person_id = 3 or doctor_id = 5") == 0
    assert world.ask("select array_agg(distinct came) from visit") == [7]
    assert world.ask("select words || shout from visit where id = 3") == "keptKEPT"
    assert world.ask("select words || shout from visit where id = 12") == "words 12WORDS 12"
    assert not world.ask("select has_table_privilege('lifecycle', 'visit', 'insert')")
    line = world.ask(
        "select to_jsonb(e) from lifecycle.evidence e where event = 'retention.restored'"
    )
    assert (line["target"], line["digest"]) == ("visit", written.sha256)
    assert line["counts"] == {"rows": 6, "left_out": 4, "cleared": 4}
    # Once more there is nothing to do.
    assert world.plan(written, into="visit").decision.steps == ()


def test_an_archive_from_before_its_rows_were_hashed_in_binary_form_is_proven_by_their_text(
    world: World, tmp_path: Path
):
    written = world.archive("visit", "visit_2020")
    world.say(
        "alter database :base set timezone to 'UTC'".replace(":base", world.system.policy.database)
    )
    text = world.ask("select sum(hashtextextended(v::text, 0)) from visit_2020 v")
    old = _as_before(world, written, str(text), tmp_path / "old.parquet")
    wanted = Wanted(old, beside="visit_again")
    assert restore.plan(world.system, wanted).decision.steps[0].rows == 12
    spoiled = _as_before(world, written, str(text + 1), tmp_path / "spoiled.parquet")
    with pytest.raises(Unproven, match="what was loaded is not what was archived"):
        restore.plan(world.system, Wanted(spoiled, beside="visit_again"))


def _as_before(world: World, written: Manifest, digest: str, file: Path) -> str:
    """Store an archive as a release before wrote it, whose manifest says nothing of how rows are hashed."""
    on = shelf.shelf(world.system)
    with closing(on.store):
        on.fetch(written, file)
        described = json.loads(written.description.to_json())
        assert described["content"].pop("hashed") == "binary"
        described["content"]["digest"] = digest
        pq: Any = import_module("pyarrow.parquet")
        table = pq.read_table(file)
        told = {b"lifecycle.archive": json.dumps(described).encode()}
        pq.write_table(table.replace_schema_metadata(told), file)
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        key = on.place("visit", sha256)
        beside = json.loads(written.to_json()) | {
            "description": described, "key": key, "sha256": sha256, "size": file.stat().st_size,
        }  # fmt: skip
        on.store.put_file(on.bucket, key, file, sha256)
        on.store.put_bytes(on.bucket, manifest.beside(key), json.dumps(beside).encode())
    return sha256


def test_what_does_not_fit_is_refused_with_the_reason(world: World):
    written, lines = world.archive("visit", "visit_2020"), world.archive("line", "line")
    world.say("delete from line")
    # Of a line nobody can say whose it was once the visit is gone.
    world.forget(3)
    (refused,) = world.plan(lines, into="line").decision.refusals
    assert "of 4 rows nobody can say whose they are" in refused.what
    world.say("delete from visit where id = 1; alter table visit add column must int; update visit set must = 1;"
              "alter table visit alter must set not null; alter table visit alter doctor_id type bigint")  # fmt: skip
    said = {r.what for r in world.plan(written, into="visit").decision.refusals}
    assert said == {
        "doctor_id was integer and is bigint now",
        "must came since, may not be null, and has no default",
    }
    world.say("alter table visit drop must, alter doctor_id type int; alter table visit detach partition visit_2020; drop table visit_2020")  # fmt: skip
    shown = world.plan(written, into="visit")
    with pytest.raises(Refused, match="would lie in visit_rest, a default partition"):
        world.restore(written, shown.hash, into="visit")
    world.say("alter table visit detach partition visit_rest; drop table visit_rest")
    with pytest.raises(Refused, match="outside of every partition"):
        world.restore(written, world.plan(written, into="visit").hash, into="visit")
    assert world.ask("select count(*) from visit") == 0
    assert not world.ask("select has_table_privilege('lifecycle', 'visit', 'insert')")
    world.forget(2, marked=False)
    (refused,) = world.plan(written, into="visit").decision.refusals
    assert "of whom no mark was kept" in refused.what
    # An archive that the ledger does not know is nobody's, unless a person gives all of its name.
    world.say(
        "set session_replication_role = replica; delete from lifecycle.evidence; delete from lifecycle.erasure"
    )
    with pytest.raises(Refused, match="ledger does not know this archive"):
        world.plan(written, into="visit")
    assert restore.plan(world.system, Wanted(written.sha256, "visit")).decision.steps
    wrong: dict[Wanted, type[LifecycleError]] = {
        Wanted("0" * 12, "visit"): NotFound,
        Wanted(written.sha256, "people"): Refused,
        Wanted(written.sha256, None, "line"): Refused,
    }
    for wanted, kind in wrong.items():
        with pytest.raises(kind):
            restore.plan(world.system, wanted)


def test_who_writes_to_the_bucket_moves_no_time_by_which_somebody_comes_back(world: World):
    written = world.archive("visit", "visit_2020")
    world.forget(2, marked=False)
    # Who writes to the bucket moves no time: the ledger has it.
    beside, on = manifest.beside(written.key), shelf.shelf(world.system)
    said = json.loads(on.store.get_bytes("archives", beside)) | {
        "written_at": "2099-01-01T00:00:00Z"
    }
    on.store.put_bytes("archives", beside, json.dumps(said).encode())
    on.store.close()
    (refused,) = world.plan(written, into="visit").decision.refusals
    assert "of whom no mark was kept" in refused.what


def test_columns_that_may_have_exchanged_their_names_are_told(world: World):
    written = world.archive("visit", "visit_2020")
    assert not any("order" in note for note in world.plan(written, into="visit").decision.notes)
    world.say(
        "alter table visit drop column shout; alter table visit rename words to other;"
        "alter table visit rename note to words; alter table visit rename other to note"
    )
    notes = world.plan(written, into="visit").decision.notes
    assert any(note.startswith("words and note stand in another order") for note in notes), notes


def test_a_table_beside_holds_them_for_its_owner_alone(world: World):
    written = world.archive("visit", "visit_2020")
    world.forget(3)
    shown = world.plan(written, beside="visit_back")
    assert "declare visit_back in the policy as visit is" in " ".join(shown.decision.notes)
    outcome = world.restore(written, shown.hash, beside="visit_back")
    assert (outcome.verdict.value, outcome.counts["restored"]) == ("pass", 8)
    assert world.ask("select count(*) from visit_back natural join visit") == 8
    facts = "select to_jsonb(c) from pg_class c where relname = 'visit_back'"
    assert world.ask(facts)["relrowsecurity"]
    assert [world.ask(f"select has_table_privilege('{who}', 'visit_back', 'select')") for who in ("reader", "firm")] == [False, True]  # fmt: skip
    assert not world.ask("select has_table_privilege('lifecycle', 'visit_back', 'insert')")


class Killed(BaseException):
    """Stands for a kill: nothing that comes after it is done."""


def test_a_restore_that_was_killed_is_taken_up_by_the_next_and_doctor_names_what_it_left(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    written = world.archive("visit", "visit_2020")
    world.say("delete from line; delete from visit")

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        # The right is given, and before a row is there the process is gone: nobody takes it back.
        patch.setattr(put, "put", killed)
        patch.setattr(statements, "REVOKE", statements.GRANT)
        patch.setattr(statements, "FROM", statements.TO)
        for how in ({"into": "visit"}, {"beside": "visit_back"}):
            with pytest.raises(Killed):
                world.restore(written, world.plan(written, **how).hash, **how)
    assert world.ask("select has_table_privilege('lifecycle', 'visit', 'insert')")
    with closing(world.system.connect("test")) as conn:
        found = access.granted(world.system, conn, catalog.read(conn))
        said = {one.what for one in found}
    assert "the service may insert into visit" in said
    # The table beside was made, is empty and undeclared: the same words go on with it.
    shown = world.plan(written, beside="visit_back")
    outcome = world.restore(written, shown.hash, beside="visit_back")
    assert (outcome.verdict.value, outcome.counts["restored"]) == ("pass", 12)
    assert not world.ask("select has_table_privilege('lifecycle', 'visit_back', 'insert')")
    with pytest.raises(Refused, match="something is called visit_back already"):
        world.plan(written, beside="visit_back")
