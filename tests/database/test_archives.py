"""Rows go into a bucket as Parquet and are proven there: every type to the last digit, every bad object one failure."""

import hashlib
import tracemalloc
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.admin import install
from lifecycle.errors import LifecycleError, NotFound, Refused, Unproven
from lifecycle.ledger import claims, code
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.effect import effect
from lifecycle.policy import whole
from lifecycle.policy.model import Table
from lifecycle.postgres import catalog
from lifecycle.promise import Task
from lifecycle.returning import staging
from lifecycle.sandbox import s3
from lifecycle.system import System
from retention.archive import check, manifest, parquet, prove, rows, shelf, write
from retention.archive.manifest import Manifest
from retention.archive.rows import Rows
from retention.archive.section import Archives, Digests
from retention.archive.shelf import Shelf
from tests import build

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

# Every kind of column that a format of another maker bends, loses or prints in its own way.
TYPES = """
    create type mood as enum ('low', 'it''s "high"');
    create domain percent as numeric(5, 2) check (value between 0 and 100);
    create type reading as (at timestamptz, value numeric, note text);
    create type rung as range (subtype = int);
    create table every (
        id bigint generated always as identity primary key, gone text, "a ""b"" %" text, padded char(5), yes boolean,
        exact numeric(38, 10), money numeric(12, 2), free numeric, wide numeric(60, 20), single real, double float8,
        day date, at timestamptz, plain timestamp, millis timestamptz(3), late timetz, nap interval, facts jsonb, raw json,
        photo bytea, words text[], grid int[][], dates date[], mood mood, share percent, pair reading, pairs reading[],
        span tstzrange, spans int4multirange, rung rung, net inet, key uuid, price money, bits bit(3), tree xml, small smallint,
        shout text generated always as (upper("a ""b"" %")) stored, kept int not null default 7);
    alter table every drop column gone;
    insert into every ("a ""b"" %", padded, yes, exact, money, free, wide, single, double, day, at, plain, millis, late, nap,
                       facts, raw, photo, words, grid, dates, mood, share, pair, pairs, span, spans, rung, net, key, price,
                       bits, tree, small)
    values
      (E'\\\\.', 'ab', true, 1.5, 10.10, '123456789012345678901234567890.0000000000001', 1e-20, 0.1, 0.1::float8 + 0.2,
       '2024-02-29', '2026-10-25 02:30:00.000001+02', '0001-01-01 00:00:00.123456', '2026-01-01 00:00:00.1239+00',
       '24:00:00-05:30', '1 year -2 mons +3 days -04:05:06.789', '{"b": [1, null, "\\u00e9"], "a": 1.10}', '{"b":1, "b":2}',
       '\\xdeadbeef00', '{"a,b", null, "NULL", ""}', '{{1,2},{3,4}}', '[3:4]={2026-01-01,infinity}', 'it''s "high"', 99.99,
       row('infinity', 'NaN', 'x,"y'), array[row(null, 1, null)::reading], '[2026-01-01,)', '{[1,3),[5,8)}', '(1,5]',
       '::1/64', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 12.34, '101', '<a>1</a>', -32768),
      ('', '', false, -0.0000000001, -99.99, 'NaN', 0, '-0', '-0', '9999-12-31', '9999-12-31 23:59:59.999999+00', '1999-12-31',
       null, null, 'P0D', 'null', 'null', '', '{}', null, '{}', 'low', 0, row(null, null, null), '{}', 'empty', '{}', 'empty',
       '10.0.0.0/8', null, -1, '000', null, 32767),
      (E'\\uFEFFa\\r\\nb\\tc\\n\\n', null, null, null, null, null, null, 'NaN', 'Infinity', null, null, null, null, null, null, null,
       null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
      (null, 'é', true, 1234567890123456789012345678.0123456789, 0, 'Infinity', null, 1e-45, 5e-324, '0001-01-01', '0001-01-01 00:00+00',
       '9999-12-31 23:59:59.999999', null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
       null, null, null, null, null, null, null);
"""
# What Parquet has no value for, in types it has for others.
BENT = """
    insert into every (exact, money, day, at, plain) values
      ('NaN', 'NaN', 'infinity', '-infinity', 'infinity'),
      (1, 1, '0044-03-15 BC', '4713-01-01 00:00:00+00 BC', '0100-01-01 00:00:00.5 BC'),
      (2, 2, '5874897-12-31', '294276-12-31 23:59:59.999999+00', '10000-01-01');
"""
LOG = """
    create table log (id bigint primary key, at timestamptz not null, words text);
    insert into log select n, '2020-01-01'::timestamptz + n * interval '1 hour', 'word ' || n from generate_series(1, 2000) n;
"""


@dataclass
class World:
    """A database with tables to archive, the bucket for it, and one run that is at work."""

    admin: str
    system: System
    client: Any
    bucket: str
    claim: Claim
    conn: Connection[TupleRow]
    to: Shelf

    @property
    def task(self) -> Task:
        return Task(self.system, self.claim, NOW)

    def say(self, text: str) -> None:
        with psycopg.connect(self.admin, autocommit=True) as admin:
            admin.execute("set timezone to 'UTC'")
            admin.execute(text.encode())

    def ask(self, text: str) -> Any:
        with psycopg.connect(self.admin, autocommit=True) as admin:
            row = admin.execute(text.encode()).fetchone()
            assert row is not None
            return row[0]

    def write(self, wanted: Rows) -> Manifest:
        return write.write(self.task, self.conn, self.to, wanted)

    def is_proven(self, written: Manifest, wanted: Rows) -> None:
        """Prove an archive against the table. Raise what proves it is none."""
        with self.proven(written) as proven:
            prove.compare(self.conn, proven, wanted)

    @contextmanager
    def proven(self, written: Manifest) -> Generator[prove.Proven]:
        with (
            code.code(self.system, catalog.read(self.conn)) as seen,
            prove.prove(self.task, self.conn, seen, self.to, written) as proven,
        ):
            yield proven

    def keys(self) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=self.bucket)
        return [found["Key"] for found in listed.get("Contents", ())]

    def body(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def evidence(self) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.admin) as admin:
            return admin.execute(
                "select kind, event, target, counts, digest from lifecycle.evidence order by id"
            ).fetchall()


@pytest.fixture
def world(database: str, outside: tuple[str, str], tmp_path: Path) -> Iterator[World]:
    """A database with a service that may archive, and a bucket of its own that keeps versions."""
    bucket = f"archives-{hashlib.sha256(database.encode()).hexdigest()[:12]}"
    client: Any = boto3.client(  # pyright: ignore[reportUnknownMemberType]
        "s3",
        endpoint_url=outside[0],
        region_name=s3.REGION,
        aws_access_key_id=s3.ACCESS_KEY,
        aws_secret_access_key=s3.SECRET_KEY,
    )
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    with psycopg.connect(database, autocommit=True) as admin:
        # The package of PostgreSQL 18 is built without XML.
        built = admin.execute("select setting ~ 'libxml' from pg_config where name = 'CONFIGURE'")
        xml = built.fetchone() == (True,)
        admin.execute((TYPES if xml else TYPES.replace("tree xml", "tree text")).encode())
        admin.execute(LOG.encode())
        seen = catalog.read(admin)
        nobodys = Table(personal="none", because="a test made it")
        policy = whole.model().model_validate(
            {"system": "small", "database": seen.database, "archives": {"bucket": "archives"}}
            | {"tables": dict.fromkeys(seen.tables, nobodys)}
        )
        install.install(admin, policy, seen, None)
    own = build.store_at(outside[0], tmp_path) | {"buckets": {"archives": bucket}}
    system = build.system(database, policy, {"base": tmp_path, "scratch": "scratch"}, **own)
    with closing(system.connect("test")) as conn:
        claim = claims.claim_new(
            conn, "small", "retention.expire", NOW, claims.new_holder(), asked_by="person"
        )
        to = shelf.shelf(system)
        with closing(to.store):
            yield World(database, system, client, bucket, claim, conn, to)


def test_every_type_comes_back_to_the_last_digit_and_what_parquet_would_bend_is_text(world: World):
    every = Rows("every", "every")
    written = world.write(every)
    world.is_proven(written, every)
    kept = {column.name: column.kept for column in written.description.columns}
    natives = ("exact", "money", "day", "at", "plain", "yes", "single", "double", "id", "small")
    assert [kept[name] for name in natives] == [
        *("numeric", "numeric", "date", "timestamptz", "timestamp"),
        *("boolean", "real", "double precision", "bigint", "smallint"),
    ]
    assert {kept[n] for n in ("free", "wide", "facts", "photo", "share", "pair", "nap")} == {"text"}
    columns = {column.name: column for column in written.description.columns}
    assert "gone" not in columns
    assert (columns["shout"].generated, columns["id"].identity, columns["kept"].default) == (True, True, "7")  # fmt: skip
    assert columns["millis"].type == "timestamp(3) with time zone"

    world.say(BENT)
    bent = world.write(every)
    world.is_proven(bent, every)
    kept = {column.name: column.kept for column in bent.description.columns}
    assert {kept[n] for n in ("exact", "money", "day", "at", "plain")} == {"text"}
    assert kept["double"] == "double precision"
    assert bent.description.content.rows == 7


def test_an_archive_is_named_by_its_bytes_says_what_it_is_and_is_written_once(
    world: World, tmp_path: Path
):
    some = Rows("log", "log", sql.SQL("at < %(before)s and words like 'word %%'"), {"before": "2020-02-01"})  # fmt: skip
    written = world.write(some)
    body = world.body(written.key)
    name = hashlib.sha256(body).hexdigest()
    assert written.key == f"archives/small/log/{name}.parquet"
    assert world.keys() == [manifest.beside(written.key), written.key]
    assert manifest.parse(world.body(manifest.beside(written.key)), manifest.beside(written.key)) == written  # fmt: skip
    assert world.client.head_object(Bucket=world.bucket, Key=written.key)["ServerSideEncryption"]
    (tmp_path / "it.parquet").write_bytes(body)
    inside = manifest.described(parquet.footer(tmp_path / "it.parquet"), "it")
    assert inside == written.description
    assert (inside.content.rows, inside.primary_key) == (743, ("id",))
    digest = world.ask(
        "select sum(hash_record_extended(row(record_send(row(id, at, words))), 0)) from log where at < '2020-02-01'"
    )
    assert (inside.content.hashed, inside.content.digest) == ("binary", str(digest))
    world.is_proven(written, some)
    # Once more, as after a kill: the same bytes, and nothing is put a second time.
    assert world.write(some).key == written.key
    versions = world.client.list_object_versions(Bucket=world.bucket)["Versions"]
    assert len(versions) == 2
    counts = {"rows": 743, "bytes": len(body)}
    told = [line for line in world.evidence() if line[2] == written.key]
    assert told[:3] == [
        ("intent", "retention.archived", written.key, counts, name),
        ("outcome", "retention.archived", written.key, counts, name),
        ("outcome", "retention.proven", written.key, counts, name),
    ]


def test_a_digest_is_the_same_on_every_version_and_tells_each_change_of_a_value_or_its_place(
    world: World,
):
    world.say("""
        create type tone as enum ('low', 'high');
        create table kinds (id int primary key, big bigint, at timestamptz, plain timestamp(3), day date, key uuid,
                            words varchar(40), padded char(5), photo bytea, exact numeric, money numeric(12, 2),
                            yes boolean, double float8, facts jsonb, tone tone, tones tone[], nap interval);
        insert into kinds values
          (1, 1, '2026-01-01 00:00Z', '2026-01-01 00:00', '2026-01-01', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'é', 'ab',
           '\\x00ff', 1.0, 1.00, true, 0, '{"a": 1.0}', 'low', '{low}', '1 mon'),
          (2, -1, 'infinity', '0044-03-15 BC', '-infinity', null, '', '', '', 'NaN', -0.01, false, 'NaN', null, 'high',
           '{}', '30 days'),
          (3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null);
    """)
    world.say("grant select on kinds to lifecycle")
    kinds = Rows("kinds", "kinds")

    def now() -> tuple[int, str]:
        with staging.reading(world.conn):
            columns = rows.relation(world.conn, "kinds").columns
            found = rows.content(world.conn, kinds, columns)
        return found.rows, found.digest

    first = now()
    assert first == (3, "-12357124550956423971")
    # 4294967296 has the hash of 1, 1.00 that of 1.0 and 30 days that of a month, where PostgreSQL hashes values itself.
    for column, other in {
        "big": "4294967296", "at": "'2026-01-01 00:00:00.000001Z'", "exact": "1.00", "double": "'-0'", "day": "null",
        "facts": "'{\"a\": 1.00}'", "nap": "'30 days'", "words": "''", "padded": "'a'", "yes": "null", "tones": "'{high}'",
    }.items():  # fmt: skip
        world.say(
            f"create table had as table kinds; update kinds set {column} = {other} where id = 1"
        )
        assert now()[1] != first[1], column
        world.say(
            "truncate kinds; insert into kinds select * from had order by id desc; drop table had"
        )
        assert now() == first
    # Two rows that exchange a value: the sum of what PostgreSQL makes of whole rows would be the same but for carries.
    world.say("update kinds as k set big = o.big from kinds as o where k.id + o.id = 3")
    assert now()[1] != first[1]


def cut(world: World, written: Manifest, _other: Manifest) -> None:
    world.client.put_object(Bucket=world.bucket, Key=written.key, Body=world.body(written.key)[:-9])


def flip(world: World, written: Manifest, _other: Manifest) -> None:
    body = bytearray(world.body(written.key))
    body[len(body) // 2] ^= 1
    world.client.put_object(Bucket=world.bucket, Key=written.key, Body=bytes(body))


def swap(world: World, written: Manifest, other: Manifest) -> None:
    world.client.put_object(Bucket=world.bucket, Key=written.key, Body=world.body(other.key))


def vanish(world: World, written: Manifest, _other: Manifest) -> None:
    world.client.delete_object(Bucket=world.bucket, Key=written.key)


BAD: dict[str, tuple[Callable[[World, Manifest, Manifest], None], str]] = {
    "truncated": (cut, "bytes were stored|were stored"),
    "flipped": (flip, "not the same bytes"),
    "swapped": (swap, "were stored"),
    "vanished": (vanish, "not in the bucket any more"),
}


def test_each_bad_object_is_one_clear_failure(world: World):
    log, every = Rows("log", "log"), Rows("every", "every")
    written, other = world.write(log), world.write(every)
    first = world.client.head_object(Bucket=world.bucket, Key=written.key)["VersionId"]
    for name, (spoil, said) in BAD.items():
        spoil(world, written, other)
        with pytest.raises(Unproven, match=said):
            world.is_proven(written, log)
        # The one that was stored is there still, as the failure's hint says, and can be put back.
        good = world.client.get_object(Bucket=world.bucket, Key=written.key, VersionId=first)
        world.client.put_object(Bucket=world.bucket, Key=written.key, Body=good["Body"].read())
        world.is_proven(written, log)
        assert name
    assert "retention.proven" in {line[1] for line in world.evidence()}
    # A manifest that was put in another's place, and one that tells of other bytes than the archive itself.
    world.client.put_object(Bucket=world.bucket, Key=manifest.beside(written.key), Body=other.to_json())  # fmt: skip
    with pytest.raises(Unproven, match="manifest of another archive"):
        world.to.manifest(manifest.beside(written.key))
    lies = written.description.model_copy(update={"table": "every"})
    with pytest.raises(Unproven, match="something else than its manifest says"):
        world.is_proven(written.model_copy(update={"description": lies}), log)
    assert world.ask("select count(*) from log") == 2000


def test_a_row_that_came_or_changed_since_is_no_row_of_the_archive(world: World):
    log = Rows("log", "log")
    written = world.write(log)
    world.say("update log set words = 'other' where id = 7")
    with pytest.raises(Unproven, match="as many rows as were archived, and not the same"):
        world.is_proven(written, log)
    world.say("insert into log values (2001, '2020-01-01', 'late')")
    with pytest.raises(Unproven, match=r"2,?001 rows are there now, and 2,000 were archived"):
        world.is_proven(written, log)
    # Deleted are the rows of the archive, as the archive has them: the changed and the late one stay.
    world.say("grant delete on log to lifecycle")
    with world.proven(written) as proven:
        gone = 0
        for block in range(0, proven.blocks, 200):
            with effect(world.conn, world.claim, None) as change:
                gone += prove.let_go(change, proven, block, block + 200)
    assert gone == 1999
    assert world.ask("select array_agg(id order by id) from log") == [7, 2001]
    # The next run archives what is there then, beside the first.
    world.is_proven(world.write(log), log)
    assert len(world.keys()) == 4


def test_what_cannot_be_archived_is_refused_and_leaves_nothing_behind(world: World):
    refused: dict[str, tuple[type[LifecycleError], str]] = {
        "nobody": (NotFound, "not there any more"),
        "bare": (Refused, "no column"),
    }
    world.say("create table bare (); grant select on bare to lifecycle")
    for leaf, (kind, said) in refused.items():
        with pytest.raises(kind, match=said):
            world.write(Rows(leaf, leaf))
    written = world.write(Rows("log", "log"))
    world.say("alter table log alter words set not null")
    with pytest.raises(Unproven, match="columns of log are not those"):
        world.is_proven(written, Rows("log", "log"))
    assert [*(world.system.machine.path("scratch")).iterdir()] == []
    assert world.ask("select count(*) from pg_class where relname = 'lifecycle_archived'") == 0


def test_memory_stays_flat_and_a_row_longer_than_a_block_passes(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(parquet, "BLOCK", 64 * 1024)
    world.say(
        "insert into log select n, '2021-01-01', repeat(md5(n::text), 30) from generate_series(3000, 12000) n;"
        "insert into log values (1, '2021-01-01', repeat('x\"', 500000)) on conflict (id) do update set words = excluded.words"
    )
    log = Rows("log", "log")
    world.write(Rows("every", "every"))  # what is imported for the first archive is not of its rows
    tracemalloc.start()
    written = world.write(log)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * 1024 * 1024  # of 10 MB; a row of 1 MB and a block are held
    world.is_proven(written, log)
    assert written.description.content.rows == 11001


def test_everything_archived_is_read_again_and_each_that_is_not_whole_is_named(world: World):
    log, every = world.write(Rows("log", "log")), world.write(Rows("every", "every"))
    world.say(
        "create table talk (id int primary key, words jsonb, sum text, paper text, paper_sum text);"
        "insert into talk select n, to_jsonb(n), encode(sha256(convert_to(n::text, 'UTF8')), 'hex'), 'paper ' || n,"
        " encode(sha256(convert_to('body ' || n, 'UTF8')), 'hex') from generate_series(1, 9) n;"
        "grant select on talk to lifecycle"
    )
    for n in range(1, 9):
        world.client.put_object(Bucket=world.bucket, Key=f"paper {n}", Body=f"body {n}".encode())
    talk = Table(owner={"person": "id"}, objects=("paper",), bucket="archives")
    digests = (
        Digests(table="talk", of="words", sha256="sum"),
        Digests(table="talk", of="paper", sha256="paper_sum"),
    )
    told = Archives.model_validate({"bucket": "archives", "every": "3 days", "digests": digests})
    update = {"archives": told, "tables": {**world.system.policy.tables, "talk": talk}}
    system = replace(world.system, policy=world.system.policy.model_copy(update=update))

    def in_three_days() -> tuple[dict[str, int], set[str]]:
        counts, found = {"archives": 0, "values": 0}, set[str]()
        for day in range(3):
            judged = check.carry_out(Task(system, world.claim, NOW + timedelta(days=day)))
            assert judged.coverage.unseen() == {}
            counts = {name: counts[name] + judged.counts[name] for name in counts}
            found |= {f"{f.target}: {f.what}" for f in judged.coverage.found}
        return counts, found

    def row(n: int) -> str:
        return hashlib.sha256(str(n).encode()).hexdigest()[:12]

    # Each once, whatever the part of a day is; an object was never there.
    gone = f"talk: paper of row {row(9)} leads to an object that is gone"
    assert in_three_days() == ({"archives": 2, "values": 18}, {gone})
    flip(world, log, every)
    world.client.put_object(Bucket=world.bucket, Key="paper 1", Body=b"other")
    world.say(
        "update talk set words = '0' where id = 2;"
        "update talk set words = null where id = 3; update talk set paper = null where id = 4;"
        "insert into talk (id) values (10)"  # nothing beside nothing
    )
    assert in_three_days()[1] == {
        gone,
        f"talk: paper of row {row(1)} leads to other bytes than its digest is of",
        f"talk: words of row {row(2)} is not what its digest is of",
        f"talk: words of row {row(3)} is not what its digest is of",
        f"talk: paper of row {row(4)} is gone, and its digest is still there",
        f"{log.key}: {log.key} is as long as what was stored, and not the same bytes",
    }
    lines = [
        (kind, target) for kind, event, target, *_ in world.evidence() if event == check.CHECKED
    ]
    assert sorted(lines)[:1] == [("finding", log.key)]
    assert len(lines) == 4


def test_an_archive_that_is_gone_from_the_bucket_is_named_every_day(world: World):
    written = world.write(Rows("log", "log"))
    world.is_proven(written, Rows("log", "log"))
    assert check.carry_out(Task(world.system, world.claim, NOW)).coverage.found == ()
    for key in (written.key, manifest.beside(written.key)):
        world.client.delete_object(Bucket=world.bucket, Key=key)
    for day in range(3):
        judged = check.carry_out(Task(world.system, world.claim, NOW + timedelta(days=day)))
        assert [(f.target, f.what) for f in judged.coverage.found] == [
            (written.key, "it was proven, and is not in the bucket any more")
        ]


def test_an_archive_that_rotted_behind_what_the_store_says_of_it_is_stored_anew(world: World):
    log = Rows("log", "log")
    written = world.write(log)
    stored = world.client.head_object(Bucket=world.bucket, Key=written.key)
    body = world.client.get_object(Bucket=world.bucket, Key=written.key)["Body"].read()
    rotten = bytes([body[0] ^ 1]) + body[1:]
    world.client.put_object(
        Bucket=world.bucket, Key=written.key, Body=rotten, Metadata=stored["Metadata"]
    )
    with pytest.raises(Unproven, match="not the same bytes"):
        world.is_proven(written, log)
    again = world.write(log)
    assert again.sha256 == written.sha256
    world.is_proven(again, log)
