"""An export of somebody of each system that comes with the product: exactly the rows that an erasure takes or keeps."""

import contextlib
import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from gdpr import statements
from gdpr.export import export
from gdpr.person import about
from gdpr.reach import Reach, reach
from lifecycle.admin import install
from lifecycle.job import Job
from lifecycle.outcome import Verdict
from lifecycle.outside import objects
from lifecycle.policy import load
from lifecycle.postgres import catalog, connect
from lifecycle.postgres.names import sql_name
from lifecycle.postgres.server import Cluster
from lifecycle.postgres.shape import Table as Standing
from lifecycle.running import run
from lifecycle.system import System
from lifecycle.systems import shipped
from tests import build
from tests.conftest import NOW, NoPayer, a_database

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Exported:
    """A system, somebody of it whose request is due, and their export."""

    admin: str
    system: System
    person: str
    kind: str
    file: Path
    manifest: dict[str, Any]

    def rows(self, table: str) -> list[dict[str, Any]]:
        with zipfile.ZipFile(self.file) as archive:
            found: list[dict[str, Any]] = json.loads(archive.read(f"tables/{table}.json"))
        return found


@pytest.fixture(scope="module", params=shipped.NAMES)
def exported(
    cluster: Cluster,
    outside: tuple[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Exported]:
    which = shipped.named(request.param)
    where = tmp_path_factory.mktemp("export")
    policy = load.policy(which.policy)[0]
    buckets = {name: f"export-{which.name}-{name}" for name in which.papers}
    for conninfo in a_database(cluster, "template0"):
        system = build.system(
            conninfo,
            policy,
            {"base": where},
            **build.reference_key(where),
            **build.store_at(outside[0], where),
            buckets=buckets,
        )
        with (
            contextlib.closing(objects.store(system)) as store,
            psycopg.connect(conninfo, autocommit=True) as conn,
        ):
            for bucket in buckets.values():
                store.client.create_bucket(Bucket=bucket)
                store.client.put_bucket_versioning(
                    Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
                )
            conn.execute(which.schema)
            cast = which.load(conn, store.client, buckets, NoPayer(), seed=1, now=NOW)
            install.install(conn, system.policy, catalog.read(conn), None)
        person, to = str(cast.due), where / "mine.zip"
        kind = next(iter(policy.subjects))
        work = partial(export.carry_out, kind=kind, typed=person, to=to)
        outcome = run.by_hand(system, Job("gdpr.export", "a test", "0 0 1 1 *", work))
        assert outcome.verdict is Verdict.PASS
        with zipfile.ZipFile(to) as archive:
            manifest = json.loads(archive.read("manifest.json"))
        yield Exported(conninfo, system, person, kind, to, manifest)


Rows = dict[str, dict[str, str]]


def key_of(table: Standing) -> tuple[str, ...]:
    """Return the primary key, or all columns where there is none."""
    return table.primary_key or tuple(column.name for column in table.columns)


def everything(conn: Connection[TupleRow], reached: Reach) -> Rows:
    """Return every row of every table, by table and key."""
    found: Rows = {}
    for name, table in reached.catalog.tables.items():
        if not name.startswith("lifecycle."):
            key = sql.SQL(", ").join(sql.Identifier("t", c) for c in key_of(table))
            query = sql.SQL("select json_build_array({})::text, t.*::text from {} as t").format(
                key, sql_name(name)
            )
            found[name] = dict(conn.execute(query).fetchall())
    return found


def erased(exported: Exported) -> tuple[Reach, Rows, Rows]:
    """Return all rows before and after the erasure's own statements, which are undone."""
    with (
        contextlib.closing(connect.connect(exported.admin, "test", write=True)) as conn,
        conn.transaction(force_rollback=True),
    ):
        reached = reach(exported.system.policy, catalog.read(conn), exported.kind)
        before, values = everything(conn, reached), about(exported.person)
        for mention in reached.mentions:
            conn.execute(statements.clear_mention(reached, mention), values)
        conn.execute(statements.let_go(reached), values)
        return reached, before, everything(conn, reached)


def test_what_is_exported_is_what_an_erasure_deletes_or_keeps_and_nothing_else(
    exported: Exported,
) -> None:
    reached, before, after = erased(exported)
    told = {one["table"]: one for one in exported.manifest["tables"]}
    assert sum(one["rows"] for one in told.values()) > 20
    for table, rows in before.items():
        gone = {key for key in rows if key not in after[table]}
        if table in reached.kept:  # theirs, and without what named them now
            gone = {key for key, row in rows.items() if after[table].get(key) != row}
        primary = key_of(reached.table(table))
        if table not in told:
            assert not gone, table
            continue
        given = exported.rows(table)
        keys = [json.dumps([row[column] for column in primary]) for row in given]
        assert sorted(map(normal, keys)) == sorted(map(normal, gone)), table
        assert told[table]["rows"] == len(given) == len(gone)
        kept = "kept" if table in reached.kept else "deleted"
        assert told[table]["after_erasure"] == kept


def normal(key: str) -> str:
    """Return a key as text, however JSON spells its parts: a time with a T or with a space."""
    return json.dumps([str(part).replace("T", " ").removesuffix(":00") for part in json.loads(key)])


def test_nobody_else_is_named_in_an_export(exported: Exported) -> None:
    """Keys of all other people, whatever kind they are of, are looked for in every file of rows."""
    others: set[str] = set()
    with psycopg.connect(exported.admin) as conn:
        for subject in exported.system.policy.subjects.values():
            query = sql.SQL("select {}::text from {}").format(
                sql.Identifier(subject.key), sql_name(subject.table)
            )
            others |= {key for (key,) in conn.execute(query) if len(key) > 8}
    others -= {exported.person}
    with zipfile.ZipFile(exported.file) as archive:
        for name in archive.namelist():
            if name.startswith("tables/"):
                text = archive.read(name).decode()
                assert [key for key in others if key in text] == [], name


def test_csv_has_the_rows_of_json_and_the_manifest_the_digest_of_every_file(
    exported: Exported,
) -> None:
    with zipfile.ZipFile(exported.file) as archive:
        listed = {"manifest.json", "index.html"}
        for table in exported.manifest["tables"]:
            for name, digest in table["files"].items():
                listed.add(name)
                assert hashlib.sha256(archive.read(name)).hexdigest() == digest
            text = archive.read(f"tables/{table['table']}.csv").decode()
            head, *lines = csv.reader(io.StringIO(text, newline=""))
            assert (head, len(lines)) == (table["columns"], table["rows"])
        for one in exported.manifest["objects"]:
            if one["file"]:
                listed.add(one["file"])
                assert hashlib.sha256(archive.read(one["file"])).hexdigest() == one["sha256"]
        assert listed == set(archive.namelist())
