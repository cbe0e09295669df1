"""Dumps and drills on a real server and a real (stand-in) bucket, damaged in every way that must be noticed."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, LiteralString, cast

import boto3
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from backups import covering, drill, dump, history, jobs, manifest, measure, shelf
from backups.findings import FINDINGS
from backups.manifest import Locale, Manifest
from backups.section import SECTION
from backups.timings import Timings
from lifecycle import scratch
from lifecycle.admin import install
from lifecycle.coverage import conclude
from lifecycle.errors import Refused
from lifecycle.ledger import claims
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Outcome, Verdict
from lifecycle.outside import objects
from lifecycle.outside.digest import file_sha256
from lifecycle.policy import whole
from lifecycle.postgres import catalog
from lifecycle.postgres.server import Cluster, find_binaries
from lifecycle.sandbox import s3
from lifecycle.system import System
from tests import build
from tests.keep import work
from tests.waiting import alive, wait_until

SLOT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 2, 0, 5, tzinfo=UTC)
CANARY = "canary-7f3a@example.org"

SCHEMA = f"""
    create type mood as enum ('low', 'high');
    create table people (id uuid primary key default gen_random_uuid(), email text unique, born date, height float8,
        seen timestamptz, nap interval, photo bytea, mood mood, facts jsonb, shout text generated always as (upper(email)) stored);
    create table readings (person uuid references people, at timestamptz, value numeric) partition by range (at);
    create table readings_2025 partition of readings for values from ('2025-01-01') to ('2026-01-01');
    create table readings_2026 partition of readings for values from ('2026-01-01') to ('2027-01-01') partition by hash (person);
    create table readings_2026_0 partition of readings_2026 for values with (modulus 2, remainder 0);
    create table readings_2026_1 partition of readings_2026 for values with (modulus 2, remainder 1);
    create schema side;
    create table side.notes (id bigint generated always as identity primary key, words text);
    create table side.more_notes () inherits (side.notes);
    create table empty_one (id int);
    alter table people enable row level security;
    alter table people force row level security;
    create policy mine on people using (false);
    insert into people (email, born, height, seen, nap, photo, mood, facts)
        select 'p' || n || '@example.org', '1980-01-01'::date + n, 1.0 / (n + 1), '2026-01-01'::timestamptz + n * interval '1 minute',
               n * interval '1 hour', decode('deadbeef', 'hex'), 'low', jsonb_build_object('n', n) from generate_series(1, 300) n;
    insert into people (email) values ('{CANARY}');
    insert into readings select id, '2025-06-01', 0.1 from people;
    insert into readings select id, '2026-06-01'::timestamptz + n * interval '1 day', n from people, generate_series(1, 5) n;
    insert into side.notes (words) values ('one'), ('one'), (null);
    insert into side.more_notes (id, words) values (9, 'heir');
"""


@dataclass(frozen=True)
class World:
    """One small managed database, its bucket and its machine."""

    admin: str
    system: System
    client: Any
    bucket: str

    def claim(self, job: str = "backups.dump", slot: datetime = SLOT) -> Claim:
        """Claim the slot, taking it over from whoever held it, as the daemon does from a dead worker."""
        with psycopg.connect(self.admin, autocommit=True) as admin:
            admin.execute(
                "update lifecycle.run set state = 'queued', holder = null where job = %s and state = 'running'",
                [job],
            )
        with self.system.connect("test") as conn:
            claims.enqueue(conn, "small", job, slot, asked_by="schedule")
            return claims.claim_one(conn, "small", job, slot, claims.new_holder())

    def dump(self, slot: datetime = SLOT, now: datetime = NOW) -> Manifest:
        """Take a dump and return its manifest."""
        claim = self.claim(slot=slot)
        assert work(dump.carry_out, self.system, claim, now).well
        with self.system.connect("test") as conn:
            claims.finish(conn, claim, Outcome(Verdict.PASS, "done"))
        taken = shelf.of_slot(self.system, claim)
        assert taken is not None
        return taken

    def drill(self, now: datetime = NOW) -> Outcome:
        """Drill the newest dump."""
        return conclude(drill.judge(self.system, now, restore=True)[0])

    def keys(self) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=self.bucket)
        return [found["Key"] for found in listed.get("Contents", ())]

    def read(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def write(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def rewrite(self, taken: Manifest, **changed: object) -> None:
        """Put another manifest in the place of this one; the ledger hears of it as if a run had written it."""
        text = taken.model_copy(update=changed).to_json()
        with psycopg.connect(self.admin, autocommit=True) as admin:
            admin.execute(
                "insert into lifecycle.evidence (run_id, attempt, kind, event, target, digest)"
                " values (%s, 1, 'outcome', 'backups.described', %s, %s)",
                [taken.run, taken.key, sha256(text).hexdigest()],
            )
        self.write(manifest.beside(taken.key), text)

    def remove(self, taken: Manifest) -> None:
        """Delete a dump and its manifest from the bucket."""
        for key in (taken.key, manifest.beside(taken.key)):
            self.client.delete_object(Bucket=self.bucket, Key=key)

    def evidence(self) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.admin) as admin:
            return admin.execute(
                "select attempt, kind, event, target, counts, digest from lifecycle.evidence order by id"
            ).fetchall()

    def left_behind(self) -> list[str]:
        return sorted(path.name for path in scratch.base(self.system.machine).iterdir())


def client_of(url: str) -> Any:
    return boto3.client(  # pyright: ignore[reportUnknownMemberType]
        "s3",
        endpoint_url=url,
        region_name=s3.REGION,
        aws_access_key_id=s3.ACCESS_KEY,
        aws_secret_access_key=s3.SECRET_KEY,
    )


@pytest.fixture
def world(
    database: str, outside: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    name = str(conninfo_to_dict(database)["dbname"])
    policy = whole.model().model_validate(
        {
            "system": "small",
            "database": name,
            "timezone": "Europe/Vienna",
            "tables": {},
            "backups": {"dumps": {"bucket": "backups", "prefix": "daily/"}},
        }
    )
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "do $$ begin create role small_owner nologin; exception when duplicate_object then null; end $$"
        )
        admin.execute(SCHEMA)
        build.extension(admin)
        admin.execute("alter table people owner to small_owner")
        install.install(admin, policy, catalog.read(admin), None)
    monkeypatch.setenv("SMALL_S3_ACCESS", s3.ACCESS_KEY)
    monkeypatch.setenv("SMALL_S3_SECRET", s3.SECRET_KEY)
    bucket = f"backups-{name}"
    client = client_of(outside[0])
    client.create_bucket(Bucket=bucket)
    # Not below pytest's directory: as root, the server's account must be able to enter.
    base = Path(tempfile.gettempdir()) / f"lc-test-{os.getpid()}-{name}"
    base.mkdir(mode=0o755)
    store = {
        "endpoint": outside[0],
        "access_key": {"env": "SMALL_S3_ACCESS"},
        "secret_key": {"env": "SMALL_S3_SECRET"},
    }
    machine = {"base": tmp_path, "scratch": str(base)}
    system = build.system(database, policy, machine, buckets={"backups": bucket}, s3=store)
    yield World(database, system, client, bucket)
    shutil.rmtree(base)


def enters(dsn: str) -> bool:
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True


def with_machine(world: World, **changed: object) -> System:
    return replace(world.system, machine=world.system.machine.model_copy(update=changed))


def in_a_killed_process(act: Callable[[], object]) -> None:
    """Run `act` in a process of its own, which must end by SIGKILL."""
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_dump_holds_every_table_with_its_exact_count_and_no_row_in_its_manifest(world: World):
    taken = world.dump()
    assert taken.key == f"daily/2026-11-21/{taken.run}-1/data.dump"
    assert world.keys() == [
        manifest.beside(taken.key, name) for name in ("data.dump", "manifest.json", "roles.json")
    ]
    rows = {
        name: content.rows
        for name, content in taken.tables.items()
        if not name.startswith("lifecycle.")
    }
    assert rows == {
        "people": 301,
        "readings": 1806,
        "empty_one": 0,
        "side.notes": 3,
        "side.more_notes": 1,
    }
    assert "lifecycle.run" in taken.tables
    assert "plpgsql" in taken.source.extensions
    assert len(taken.source.extensions) == 2
    assert {"small_owner", "lifecycle"} <= set(taken.source.roles)
    assert CANARY.encode() not in taken.to_json()
    head = world.client.head_object(Bucket=world.bucket, Key=taken.key)
    assert head["ServerSideEncryption"] == "AES256"
    assert world.left_behind() == []


def test_evidence_announces_the_dump_before_and_confirms_it_after(world: World):
    taken = world.dump()
    assert [line[1:4] for line in world.evidence()] == [
        ("intent", "backups.dumped", taken.key),
        ("outcome", "backups.described", taken.key),
        ("outcome", "backups.dumped", taken.key),
    ]
    _, described, (*_, counts, digest) = world.evidence()
    assert digest == taken.sha256
    assert described[-1] == sha256(world.read(manifest.beside(taken.key))).hexdigest()
    assert (counts["rows"], counts["bytes"]) == (taken.rows, taken.size)


def test_the_newest_dump_restores_to_exactly_what_its_snapshot_held_while_others_write(
    world: World,
):
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(world.admin, autocommit=True) as conn:
            while not stop.is_set():
                conn.execute("insert into side.notes (words) values (gen_random_uuid()::text)")
                conn.execute(
                    "update people set facts = facts || '{\"again\": 1}' where random() < 0.05"
                )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        world.dump()
    finally:
        stop.set()
        writer.join()
    outcome = world.drill()
    assert (outcome.verdict, outcome.failures, outcome.well) == (Verdict.PASS, (), True)
    phases = {name for name in outcome.counts if name.endswith("_ms")}
    assert phases == {
        f"{p}_ms"
        for p in (
            "select",
            "download",
            "checksum",
            "decrypt",
            "read",
            "server",
            "restore",
            "compare",
        )
    }
    assert world.left_behind() == []


def _does_nothing(*_: object, **__: object) -> tuple[Any, ...]:
    return ()


def test_a_drill_that_looks_at_nothing_is_no_proof(world: World, monkeypatch: pytest.MonkeyPatch):
    taken = world.dump()
    looked_at = world.drill().coverage["looked_at"]
    assert looked_at == 1 + len(taken.tables) + len(covering.STRUCTURE)
    monkeypatch.setattr(drill, "prove", _does_nothing)
    outcome = world.drill()
    assert (outcome.verdict, outcome.coverage["looked_at"]) == (Verdict.UNVERIFIED, 0)


def test_a_dump_that_never_came_into_the_bucket_is_found_out(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shelf, "put", _does_nothing)
    outcome = work(dump.carry_out, world.system, world.claim("backups.dump"), NOW)
    assert [f.what for f in outcome.failures] == [
        "the bucket does not hold it, or not as it was taken"
    ]


def test_a_drill_leaves_its_finding_on_the_ledger(world: World):
    taken, claim = world.dump(), world.claim("backups.drill")
    outcome = work(drill.carry_out, world.system, claim, NOW)
    assert outcome.verdict is Verdict.PASS
    _, kind, event, target, counts, digest = world.evidence()[-1]
    assert (kind, event, target, digest) == ("finding", "backups.drilled", taken.key, taken.sha256)
    assert counts["findings"] == 0
    assert counts["rows"] == taken.rows
    with world.system.connect("test") as conn:
        assert history.read(conn, "small", 5) == ()
        claims.finish(conn, claim, outcome)
        told = history.tell(history.read(conn, "small", 5), SECTION.of(world.system.policy))
    assert [(one.run, one.of, one.ended) for one in told] == [(claim.id, "dump", "pass")]
    assert told[0].rto
    assert {"download", "server", "restore", "compare"} <= set(told[0].phases)


def test_a_dump_killed_while_the_program_runs_is_taken_again_and_leaves_nothing(
    world: World, tmp_path: Path
):
    real = find_binaries()
    bindir = tmp_path / "bin"
    bindir.mkdir(mode=0o755)
    for program in real.bindir.iterdir():
        (bindir / program.name).symlink_to(program)
    (bindir / "pg_dump").unlink()
    (bindir / "pg_dump").write_text(
        f"#!/bin/sh\necho $$ > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; exec sleep 60\n"
    )
    (bindir / "pg_dump").chmod(0o755)
    slow = with_machine(world, postgres_binaries=str(bindir))
    claim = world.claim()

    def act() -> None:
        threading.Thread(target=kill_when, args=(tmp_path / "pid",), daemon=True).start()
        work(dump.carry_out, slow, claim, NOW)

    in_a_killed_process(act)
    pid = int((tmp_path / "pid").read_text())
    assert ends(pid)
    assert len(world.left_behind()) == 1
    assert world.keys() == []
    assert world.dump().attempt == 2
    assert world.left_behind() == []
    assert world.drill().verdict is Verdict.PASS


def kill_when(file: Path) -> None:
    wait_until(file.exists)
    die()


def ends(pid: int) -> bool:
    return wait_until(lambda: not alive(pid))


def test_a_dump_killed_between_data_and_manifest_does_not_count_and_is_named_by_its_attempt(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    claim = world.claim()
    with monkeypatch.context() as fault:
        fault.setattr(objects.Objects, "put_bytes", die)
        in_a_killed_process(lambda: work(dump.carry_out, world.system, claim, NOW))
    assert shelf.look(world.system).unfinished == (f"daily/2026-11-21/{claim.id}-1/data.dump",)
    assert world.drill().verdict is Verdict.FAIL
    taken = world.dump()
    assert taken.key == f"daily/2026-11-21/{claim.id}-2/data.dump"
    assert world.drill().verdict is Verdict.PASS


def test_a_complete_dump_of_the_slot_is_not_taken_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    claim = world.claim()
    with monkeypatch.context() as fault:
        fault.setattr(dump, "_record", die)
        in_a_killed_process(lambda: work(dump.carry_out, world.system, claim, NOW))
    before = world.keys()
    assert work(dump.carry_out, world.system, world.claim(), NOW).summary.startswith(
        "dump was there already"
    )
    assert world.keys() == before
    assert [line[:3] for line in world.evidence()] == [
        (1, "intent", "backups.dumped"),
        (2, "outcome", "backups.described"),
        (2, "outcome", "backups.dumped"),
    ]


def test_a_drill_killed_at_its_height_is_cleaned_up_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    world.dump()
    with monkeypatch.context() as fault:
        fault.setattr("backups.measure.tables", die)
        in_a_killed_process(world.drill)
    assert len(world.left_behind()) == 2
    assert world.drill().verdict is Verdict.PASS
    assert world.left_behind() == []


def test_a_drill_killed_in_whichever_phase_leaves_nothing_after_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    world.dump()
    phases, phase, ends = list[str](), Timings.phase, [""]

    @contextmanager
    def noted(self: Timings, name: str) -> Generator[None]:
        with phase(self, name):
            phases.append(name)
            yield
            if name == ends[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(Timings, "phase", noted)
    assert world.drill().verdict is Verdict.PASS
    walked = tuple(phases)
    assert {*history.PHASES_OF["dump"]} - {"decrypt", "server"} <= {*walked}
    for ends[0] in walked:
        in_a_killed_process(world.drill)
    ends[0] = ""
    assert world.drill().verdict is Verdict.PASS
    assert world.left_behind() == []


def test_one_changed_byte_fails_the_drill(world: World):
    taken = world.dump()
    body = bytearray(world.read(taken.key))
    body[-100] ^= 1
    world.write(taken.key, bytes(body))
    outcome = world.drill()
    assert outcome.verdict is Verdict.FAIL
    assert "is not the file its manifest speaks of" in outcome.summary
    assert world.left_behind() == []


@pytest.mark.parametrize("damage", ["torn", "flipped"])
def test_a_dump_that_was_bad_before_it_was_summed_fails_when_it_is_read(
    world: World, damage: str, tmp_path: Path
):
    taken = world.dump()
    body = bytearray(world.read(taken.key))
    if damage == "torn":
        del body[-2000:]
    else:
        middle = body.rfind(b"\x78\x9c") if b"\x78\x9c" in body else len(body) // 2
        body[middle + 20] ^= 0xFF
    (tmp_path / "bad").write_bytes(body)
    world.write(taken.key, bytes(body))
    world.rewrite(taken, sha256=file_sha256(tmp_path / "bad"), size=len(body))
    outcome = world.drill()
    assert outcome.verdict is Verdict.FAIL
    assert re.search(
        "pg_restore ended with exit code|the restore ended|other content|rows? restored",
        outcome.summary,
    )
    assert CANARY not in str(outcome)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rows": 300}, "301 rows restored, 300 dumped"),
        ({"digest": "1"}, "as many rows as dumped, with other content"),
    ],
)
def test_a_table_that_is_not_what_its_manifest_says_fails_and_is_named(
    world: World, changed: dict[str, Any], said: str
):
    taken = world.dump()
    tables = taken.tables | {"people": taken.tables["people"].model_copy(update=changed)}
    world.rewrite(taken, tables=tables)
    outcome = world.drill()
    assert outcome.verdict is Verdict.FAIL
    assert [(f.target, f.what) for f in outcome.failures] == [("people", said)]


def test_a_table_missing_on_either_side_fails(world: World):
    taken = world.dump()
    tables = {name: content for name, content in taken.tables.items() if name != "empty_one"}
    world.rewrite(taken, tables=tables | {"gone": taken.tables["people"]})
    outcome = world.drill()
    assert {f.target for f in outcome.failures} == {"empty_one", "gone"}


def test_without_its_manifest_a_dump_is_none(world: World):
    taken = world.dump()
    world.client.delete_object(
        Bucket=world.bucket, Key=taken.key.replace("data.dump", "manifest.json")
    )
    outcome = world.drill()
    assert outcome.verdict is Verdict.FAIL
    assert "the newest dump on the ledger, and its manifest is not in the bucket" in outcome.summary


def test_a_manifest_without_its_dump_fails(world: World):
    world.client.delete_object(Bucket=world.bucket, Key=world.dump().key)
    outcome = world.drill()
    assert (outcome.verdict, "the dump itself is gone" in outcome.summary) == (Verdict.FAIL, True)


def test_a_damaged_manifest_fails_the_drill_even_beside_a_good_one(world: World):
    world.dump()
    world.write("daily/2026-11-20/7-1/manifest.json", b'{"format": "lifecycle.dump.v1"')
    outcome = world.drill()
    assert outcome.verdict is Verdict.FAIL
    assert outcome.failures[0].target == "daily/2026-11-20/7-1/manifest.json"


def test_the_newest_is_the_one_that_finished_last_whatever_the_bucket_says(world: World):
    older = world.dump()
    newer = world.dump(SLOT + timedelta(days=1), NOW + timedelta(days=1))
    world.rewrite(older)  # now the youngest object of the bucket
    judged, drilled = drill.judge(world.system, NOW + timedelta(days=1), restore=False)
    assert drilled is not None
    assert (conclude(judged).verdict, drilled.key) == (Verdict.UNVERIFIED, newer.key)


def test_a_dump_older_than_a_day_and_a_half_fails_although_it_restores(world: World):
    world.dump()
    outcome = world.drill(NOW + timedelta(hours=37))
    assert outcome.verdict is Verdict.FAIL
    assert "the newest dump is 37 hours old" in outcome.summary
    assert outcome.counts["rows"] > 0


def test_what_is_no_fault_of_the_dump_could_not_be_verified(world: World, tmp_path: Path):
    taken = world.dump()
    s3_settings = world.system.settings.s3
    assert s3_settings is not None
    down = world.system.settings.model_copy(
        update={"s3": s3_settings.model_copy(update={"endpoint": "http://127.0.0.1:9"})}
    )
    gone = world.system.settings.model_copy(update={"buckets": {"backups": "there-is-no-such"}})
    cases = {
        "the object store did not answer": replace(world.system, settings=down),
        "does not exist": replace(world.system, settings=gone),
        "no PostgreSQL 1": with_machine(world, postgres_binaries=str(tmp_path)),
    }
    for said, system in cases.items():
        outcome = conclude(drill.judge(system, NOW, restore=True)[0])
        assert (outcome.verdict, said in outcome.summary) == (Verdict.UNVERIFIED, True), (
            outcome.summary
        )
        assert not outcome.well
    sources: dict[str, dict[str, Any]] = {
        "bytes are needed": {"database_bytes": 10**18},
        "lack nosuch_extension": {"extensions": {"nosuch_extension": "1"}},
        "no PostgreSQL": {"major": 99},
        "cannot have the locale xx_YY.utf8": {
            "locale": Locale(provider="c", collate="C", ctype="xx_YY.utf8", name=None, rules=None)
        },
        "does not say which locale": {"locale": None},
    }
    for said, changed in sources.items():
        world.rewrite(taken, source=taken.source.model_copy(update=changed))
        outcome = world.drill()
        assert (outcome.verdict, said in outcome.summary) == (Verdict.UNVERIFIED, True), (
            outcome.summary
        )
        assert world.left_behind() == []


THIEF = """
    create function public.act() returns bool language plpgsql as $$
    begin
        if (select rolsuper from pg_roles where rolname = current_user) then
            execute 'copy (select current_user) to program ''cat > %s''';
        end if;
        return true;
    end $$;
"""
"""Harmless to whoever is no superuser; to one, it runs a program as the server's account."""

RUNS_IN_A_RESTORE = {
    "check": "alter table public.people add check (public.act())",
    "domain": "create domain public.short as text check (public.act()); alter table people add tag public.short default 'x'",
    "column": "alter table public.side_notes add made bool generated always as (public.still()) stored",
    "index": "create index on public.people (public.still())",
    "view": "create materialized view public.seen as select public.act(); grant select on seen to lifecycle",
    "event": "create function public.on_ddl() returns event_trigger language plpgsql as "
    "'begin perform public.act(); end'; create event trigger acts on ddl_command_end execute function public.on_ddl()",
}


@pytest.mark.parametrize("place", RUNS_IN_A_RESTORE)
def test_code_that_came_with_the_dump_runs_without_a_superusers_power(world: World, place: str):
    """A managed cloud gives owners no superuser: the host of the drill must not give them one either."""
    directory = Path(tempfile.mkdtemp(prefix="lc-loot-"))
    directory.chmod(0o777)  # the server's account may write there
    loot = directory / "loot"
    with psycopg.connect(world.admin, autocommit=True) as admin:
        admin.execute(sql.SQL(cast("LiteralString", THIEF % loot)))
        admin.execute("""
            create function public.still() returns bool immutable language plpgsql
                as 'begin return public.act(); end';
            create table public.side_notes (id int);
            insert into public.side_notes values (1);
            grant select on public.side_notes to lifecycle;
        """)
        try:
            admin.execute("select public.act()")
            assert loot.exists(), "in the source a superuser says it, and it runs"
            admin.execute(sql.SQL(cast("LiteralString", RUNS_IN_A_RESTORE[place])))
            world.dump()
            loot.unlink(missing_ok=True)
            outcome = world.drill()
            assert not loot.exists()
        finally:
            shutil.rmtree(directory)
            admin.execute("drop event trigger if exists acts")
    assert outcome.verdict is Verdict.PASS, outcome.summary
    assert "equal the snapshot they were dumped from" in outcome.summary


def test_what_only_a_superuser_restores_could_not_be_verified_and_is_named(world: World):
    with psycopg.connect(world.admin, autocommit=True) as admin:
        admin.execute(
            "create function public.plus(int, int) returns int language internal as 'int4pl'"
        )
    world.dump()
    outcome = world.drill()
    assert outcome.verdict is Verdict.UNVERIFIED
    assert "only a superuser restores" in outcome.summary
    assert "at FUNCTION public plus(integer, integer) (SQLSTATE 42501)" in outcome.summary
    assert not outcome.well
    assert world.left_behind() == []


def test_schemas_extensions_and_what_forces_row_security_are_restored_all_the_same(world: World):
    with psycopg.connect(world.admin, autocommit=True) as admin:
        admin.execute("""
            create schema tools; comment on schema tools is 'ours'; create publication pub for table side.notes;
            alter default privileges in schema side grant select on tables to small_owner;
        """)
        extension = admin.execute(
            "select extname from pg_extension where extname <> 'plpgsql'"
        ).fetchone()
        assert extension is not None
        name = sql.Identifier(extension[0])
        admin.execute(sql.SQL("alter extension {} set schema tools").format(name))
        admin.execute(sql.SQL("comment on extension {} is 'ours'").format(name))
    taken = world.dump()
    assert extension[0] in taken.source.extensions
    outcome = world.drill()
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ()), outcome.summary


ENDS_A_LINE = ["\u2028", "\x0b", "\x85"]
"""What Unicode takes for the end of a line, and pg_restore leaves in a name."""


@pytest.mark.parametrize("end", ENDS_A_LINE, ids=["separator", "tab", "next line"])
def test_a_name_that_looks_like_an_entry_of_an_extension_is_said_by_no_superuser(
    world: World, end: str, tmp_path: Path
):
    """Made by whoever may create in `public`: what is listed under her entries' numbers must stay the restorer's."""
    directory = Path(tempfile.mkdtemp(prefix="lc-loot-"))
    directory.chmod(0o777)
    with psycopg.connect(world.admin, autocommit=True) as admin:
        admin.execute(sql.SQL(cast("LiteralString", THIEF % (directory / "loot"))))
        admin.execute("create materialized view public.seen as select public.act() with no data")
        admin.execute("grant select on public.seen to lifecycle")
        admin.execute("create function public.last() returns int language sql as 'select 1'")
        file, name = tmp_path / "listed", "last"
        for _ in range(3):  # the numbers change with the name, and come to rest
            listed = _listed(world.admin, file)
            forged = "x" + "".join(f"{end}{n}; 0 0 EXTENSION " for n in listed)
            if forged != name:
                rename = sql.SQL("alter function public.{}() rename to {}")
                admin.execute(rename.format(sql.Identifier(name), sql.Identifier(forged)))
                name = forged
        admin.execute("refresh materialized view public.seen")
        (directory / "loot").unlink()
    world.dump()
    outcome = world.drill()
    assert not (directory / "loot").exists()
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ()), outcome.summary
    shutil.rmtree(directory)


def _listed(dsn: str, file: Path) -> list[str]:
    """Return the numbers that a dump gives the function that acts, and the view that calls it."""
    programs = find_binaries()
    for command in (
        ("pg_dump", "-Fc", "-f", str(file), dsn),
        ("pg_restore", "--list", str(file)),
    ):
        done = subprocess.run(
            [str(programs.tool(command[0])), *command[1:]],
            check=True,
            capture_output=True,
            text=True,
        )
    wanted = r"^(\d+); \d+ \d+ (?:FUNCTION public act\(\)|MATERIALIZED VIEW public seen) "
    return re.findall(wanted, done.stdout, re.MULTILINE)


def test_a_dump_that_somebody_put_in_the_bucket_is_not_restored(world: World):
    """He may write there, and knows neither the ledger nor the database: his dump and its manifest fit each other."""
    older = world.dump()
    with psycopg.connect(world.admin, autocommit=True) as admin:
        admin.execute("truncate readings")
    newer = world.dump(SLOT + timedelta(days=1), NOW + timedelta(hours=1))
    genuine = world.read(newer.key)
    forged = newer.model_copy(
        update={"tables": older.tables, "size": older.size, "sha256": older.sha256}
    )
    world.write(newer.key, world.read(older.key))
    world.write(manifest.beside(newer.key), forged.to_json())
    outcome = world.drill(NOW + timedelta(hours=1))
    said = f"the manifest of {newer.key} is not the one that the ledger speaks of"
    assert [f.what for f in outcome.failures] == [said]
    assert "rows" not in outcome.counts
    world.write(newer.key, genuine)
    world.write(manifest.beside(newer.key), newer.to_json())
    younger = newer.finished_at + timedelta(minutes=1)
    elsewhere = forged.model_copy(
        update={"key": newer.key.replace("/2-1/", "/9-1/"), "finished_at": younger}
    )
    world.write(elsewhere.key, world.read(older.key))
    world.write(manifest.beside(elsewhere.key), elsewhere.to_json())
    outcome = world.drill(NOW + timedelta(hours=1))
    assert [(f.target, f.what) for f in outcome.failures] == [
        (elsewhere.key, "the ledger knows of no such dump")
    ]
    assert outcome.counts["rows"] == newer.rows


def test_the_newest_dump_is_the_ledgers_and_an_older_one_is_not_proven_in_its_place(world: World):
    older = world.dump()
    newer = world.dump(SLOT + timedelta(days=1), NOW + timedelta(days=1))
    world.remove(newer)
    outcome = world.drill(NOW + timedelta(days=1, hours=1))
    gone = f"{newer.key} is the newest dump on the ledger, and its manifest is not in the bucket"
    assert [f.what for f in outcome.failures] == [gone]
    young = older.model_copy(update={"finished_at": newer.finished_at})
    world.write(manifest.beside(older.key), young.to_json())
    late = NOW + timedelta(days=1, hours=1)
    assert [f.what for f in world.drill(late).failures] == [gone]


def test_a_manifest_that_says_it_is_younger_fails(world: World):
    taken = world.dump()
    later = NOW + timedelta(days=3)
    assert "the newest dump is 72 hours old" in world.drill(later).summary
    young = taken.model_copy(update={"finished_at": later - timedelta(hours=1)})
    world.write(manifest.beside(taken.key), young.to_json())
    said = f"the manifest of {taken.key} is not the one that the ledger speaks of"
    assert [f.what for f in world.drill(later).failures] == [said]


def test_a_cast_of_a_tables_owner_is_not_called_when_the_dump_counts(world: World):
    """It would run as the service, which reads everybody's rows, and may tell them by a notification."""
    with psycopg.connect(world.admin, autocommit=True) as admin:
        admin.execute("""
            create table public.bait (id int); insert into public.bait values (1);
            grant select on public.bait to lifecycle;
            create function public.spill(public.bait) returns text language plpgsql as $$
            begin
                perform pg_notify('loot', current_user);
                return 'x';
            end $$;
            create cast (public.bait as text) with function public.spill(public.bait);
            listen loot
        """)
        admin.execute("select b::text from public.bait as b")
        assert len(list(admin.notifies(timeout=1))) == 1
        world.dump()
        assert list(admin.notifies(timeout=1)) == []
    outcome = world.drill()
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ()), outcome.summary


def test_what_a_restore_stops_at_is_named_and_its_words_are_not_kept(world: World):
    """Code of a check reads every row of the copy: what it says there would stand in the ledger and in alerts."""
    with psycopg.connect(world.admin, autocommit=True) as admin:
        admin.execute("""
            create function public.shout() returns bool language plpgsql as $$
            declare s text;
            begin
                if current_user = 'lifecycle_restorer' then
                    select email into s from public.people where email like 'canary%';
                    raise exception 'permission denied for %', s using errcode = 'F3210';
                end if;
                return true;
            end $$;
            create table public.z_heard (id int check (public.shout())); insert into z_heard values (1);
            grant select on z_heard to lifecycle;
        """)
    world.dump()
    outcome = world.drill()
    assert outcome.verdict is Verdict.FAIL
    assert [f.what for f in outcome.failures] == [
        "the restore ended at TABLE DATA public z_heard (a SQLSTATE that is none of PostgreSQL's)"
    ]
    assert CANARY not in str(outcome)


SETS = {
    "role": "alter role lifecycle_restorer set local_preload_libraries = 'nosuch'",
    "role here": "alter role lifecycle_restorer in database restored set local_preload_libraries = 'nosuch'",
    "database": "alter database restored set local_preload_libraries = 'nosuch'",
    "limit": "alter database restored connection limit 0",
}


@pytest.mark.parametrize("said", SETS.values(), ids=SETS)
def test_what_code_of_the_dump_sets_for_the_next_session_is_undone(world: World, said: str) -> None:
    with psycopg.connect(world.admin, autocommit=True) as admin:
        act = sql.SQL("""
            create function public.act() returns bool language plpgsql as $$
            begin
                if current_user = 'lifecycle_restorer' then
                    execute {};
                end if;
                return true;
            end $$;
            create table public.heard (id int check (public.act())); insert into heard values (1);
            grant select on heard to lifecycle;
        """)
        admin.execute(act.format(sql.Literal(said)))
    world.dump()
    outcome = world.drill()
    assert (outcome.verdict, outcome.failures, outcome.well) == (Verdict.PASS, (), True), (
        outcome.summary
    )


def test_code_of_the_dump_reaches_no_other_server(world: World):
    """The restorer owns every row of the copy, so whoever may send them elsewhere has what others own."""
    with psycopg.connect(world.admin, autocommit=True) as admin:
        if admin.execute("select from pg_available_extensions where name = 'dblink'").rowcount == 0:
            pytest.skip("nothing of this build reaches another server: PyPI's PostgreSQL 16")
        admin.execute("""
            create extension dblink;
            create function public.far() returns bool language plpgsql as $$
            begin
                if session_user = 'lifecycle_restorer' then
                    perform public.dblink_connect('host=127.0.0.1 port=9');
                end if;
                return true;
            end $$;
            create materialized view public.seen as select public.far(); grant select on seen to lifecycle;
        """)
    world.dump()
    outcome = world.drill()
    assert outcome.verdict is Verdict.UNVERIFIED
    assert "MATERIALIZED VIEW DATA public seen (SQLSTATE 42501)" in outcome.summary


FOLDS = """
    create table names (name text check (name ~ '^[[:alpha:] ]+$'));
    create table low (name text, folded text generated always as (lower(name)) stored);
    create table parts (name text) partition by list (lower(name));
    create table parts_a partition of parts for values in ('ä');
    insert into names values ('Änne Müller'); insert into low values ('ÄNNE'); insert into parts values ('Ä');
    grant select on all tables in schema public to lifecycle;
"""


@pytest.mark.parametrize("database", [sql.SQL("locale 'C.utf8'")], indirect=True)
def test_a_copy_folds_letters_as_its_source_does(world: World):
    """Under another locale the restore refuses rows of a sound dump, or its generated columns differ."""
    with psycopg.connect(world.admin, autocommit=True) as admin:
        admin.execute(FOLDS)
    taken = world.dump()
    assert taken.source.locale is not None
    assert taken.source.locale.ctype == "C.utf8"
    outcome = world.drill()
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ()), outcome.summary


def test_large_objects_that_may_not_be_read_are_counted_and_what_the_hint_says_lets_them_be_dumped(
    world: World,
):
    with psycopg.connect(world.admin, autocommit=True) as admin:
        admin.execute("select lo_from_bytea(0, 'x'), lo_from_bytea(0, 'y')")
        with pytest.raises(Refused, match="2 large objects may not be read") as refused:
            world.dump()
        [found] = FINDINGS["large objects"](world.system)
        assert (found.verdict, found.what[:11]) == (Verdict.FAIL, "2 of them m")
        assert found.fix == refused.value.hint
        grants = refused.value.hint.split("`")[1].removesuffix(" \\gexec")
        for (grant,) in admin.execute(sql.SQL(cast("LiteralString", grants))).fetchall():
            admin.execute(grant)
    world.dump()
    outcome = world.drill()
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ()), outcome.summary
    [found] = FINDINGS["large objects"](world.system)
    assert found.verdict is Verdict.PASS


def test_a_table_of_an_extension_that_holds_rows_is_named(world: World):
    """pg_dump leaves it out: whose table was made one by mistake would lose its rows behind a pass."""
    with psycopg.connect(world.admin, autocommit=True) as admin:
        admin.execute("""
            create table queue (id int); create table shut (id int); create table void (id int);
            insert into queue values (1); grant select on queue, void to lifecycle
        """)
        extension = admin.execute(
            "select extname from pg_extension where extname <> 'plpgsql'"
        ).fetchone()
        assert extension is not None
        for table in ("queue", "shut", "void"):
            add = sql.SQL("alter extension {} add table {}")
            admin.execute(add.format(sql.Identifier(extension[0]), sql.Identifier(table)))
    outcome = work(dump.carry_out, world.system, world.claim(), NOW)
    assert (outcome.verdict, outcome.well, named(outcome)) == (
        Verdict.UNVERIFIED,
        True,
        ["table queue", "table shut"],
    )
    outcome = world.drill()
    assert [place for place in named(outcome) if place.startswith("table")] == [
        "table queue",
        "table shut",
    ]


def named(outcome: Outcome) -> list[str]:
    """Return the places that were not looked at."""
    return [place["place"] for place in cast("list[dict[str, str]]", outcome.coverage["unseen"])]


def test_a_server_newer_than_every_pg_dump_here_is_refused_with_the_versions(
    world: World, tmp_path: Path
):
    with pytest.raises(
        Refused, match=r"the server is PostgreSQL \d+.*, and no pg_dump of version \d+ or newer"
    ) as refused:
        dump.programs(with_machine(world, postgres_binaries=str(tmp_path)))
    assert "older pg_dump" in refused.value.hint


def test_a_policy_without_dumps_has_no_job_and_says_not_configured(world: World):
    policy = world.system.policy.model_copy(
        update={"backups": whole.model().model_fields["backups"].default}
    )
    assert jobs.jobs(policy) == ()
    assert [job.name for job in jobs.jobs(world.system.policy)] == ["backups.dump", "backups.drill"]
    outcome = conclude(drill.judge(replace(world.system, policy=policy), NOW, restore=True)[0])
    assert outcome.verdict is Verdict.NOT_CONFIGURED


def test_the_password_opens_the_door_and_is_on_no_command_line(  # noqa: PLR0915
    world: World,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    name, password = str(conninfo_to_dict(world.admin)["dbname"]), "pw-K4 n:'a\\ry"
    monkeypatch.setenv("SMALL_PASSWORD", password)
    rules = cluster.directory / "pg_hba.conf"
    before = rules.read_text()
    with psycopg.connect(world.admin, autocommit=True) as admin:
        admin.execute(sql.SQL("alter role lifecycle password {}").format(sql.Literal(password)))
        rules.write_text(f"local {name} lifecycle scram-sha-256\n{before}")
        admin.execute("select pg_reload_conf()")
        settings = world.system.settings.model_validate(
            world.system.settings.model_dump()
            | {"password": {"env": "SMALL_PASSWORD"}, "s3": world.system.settings.s3}
        )
        seen: set[str] = set()
        stop = threading.Event()

        def watch() -> None:
            while not stop.is_set():
                for file in Path("/proc").glob("[0-9]*/cmdline"):
                    try:
                        seen.add(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                    except OSError:
                        continue

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            guarded = replace(world, system=replace(world.system, settings=settings))
            wait_until(lambda: not enters(settings.dsn))  # the server has read its rules
            guarded.dump()
        finally:
            stop.set()
            watcher.join()
            rules.write_text(before)
            admin.execute("select pg_reload_conf()")
            admin.execute("alter role lifecycle password null")
    assert any("pg_dump" in line for line in seen)
    assert not any(password in line for line in seen)
    out, err = capfd.readouterr()
    assert password not in out + err + str(world.evidence())


def test_two_tables_that_could_be_spelled_alike_are_both_measured(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(
            'create table "a.b" as select 1 as x; create schema a; create table a.b as values (1), (2)'
        )
        with conn.transaction():
            measure.pin(conn, dump.LIMIT)
            found = measure.tables(conn)
    assert {name: held.rows for name, held in found.items()} == {"a.b": 2, "public.a.b": 1}
