"""Archiving a partition's rows, with the proof, against COPY in PostgreSQL's binary form. Aim: at most twice its time.

COPY reads the rows once and writes them to a file on the same disk. The archive is read, written as Parquet, stored,
fetched back, loaded, and counted and hashed beside what the table has.
"""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg

from bench.timing import pair
from lifecycle.ledger import code
from lifecycle.postgres import catalog, server
from lifecycle.promise import Task
from lifecycle.sandbox import s3
from retention.archive import prove, shelf, write
from retention.archive.rows import Rows
from tests.archiving import Archiving
from tests.house import LOG, NOW

ROWS = 300_000
_TABLE = """
    create table log (id bigint primary key, at timestamptz not null, person uuid not null, kind text not null,
                      value numeric(12, 4), note text);
"""
_ROWS = """
    insert into log
    select n, timestamptz '2026-01-01 00:00Z' + n * interval '1 minute', md5(n::text)::uuid,
           'kind ' || n % 17, (n % 1000) / 7.0, repeat(md5(n::text), 3)
      from generate_series(1, {rows}) as n
"""


def measure() -> Iterator[str]:
    """Yield the time of an archive with its proof, beside COPY."""
    with (
        server.temporary(server.find_binaries()) as cluster,
        tempfile.TemporaryDirectory() as directory,
        s3.start(Path(directory) / "s3") as store,
    ):
        base = Path(directory) / "base"
        base.mkdir(mode=0o700)
        house = Archiving(cluster.dsn(), store.url, base)
        house.say(_TABLE + _ROWS.format(rows=ROWS) + ";")
        house.say("vacuum analyze log")
        house.promise(LOG)
        with closing(psycopg.connect(cluster.dsn(), autocommit=True)) as conn:
            size = house.number("select pg_table_size('log')")
            timed = pair(lambda: _ours(house), lambda: _copy(conn, base / "copy"))
    yield f"{ROWS:,} rows ({size // 2**20} MB) archived and proven, against COPY binary: {timed}; aim <= 2x"


def _ours(house: Archiving) -> None:
    """Archive, prove, and hold against the table once more, as is done before a partition is dropped."""
    claim = house.claim()
    system = house.system()
    task = Task(system, claim, NOW, None, seen_by_person=False)
    wanted = Rows("log", "log")
    with closing(system.connect("bench")) as conn, code.code(system, catalog.read(conn)) as seen:
        on = shelf.shelf(system)
        with closing(on.store):
            _empty(on)
            written = write.write(task, conn, on, wanted)
            with prove.prove(task, conn, seen, on, written) as proven:
                prove.compare(conn, proven, wanted)
    house.end(claim)


def _copy(conn: psycopg.Connection, file: Path) -> None:
    with (
        file.open("wb") as out,
        conn.cursor() as cursor,
        cursor.copy("copy log to stdout (format binary)") as copy,
    ):
        for block in copy:
            out.write(block)


def _empty(on: shelf.Shelf) -> None:
    """Take out what an earlier run has stored: the same bytes would be there already."""
    for key in list(on.store.keys(on.bucket, on.prefix)):
        on.store.delete_versions(on.bucket, key, on.store.versions(on.bucket, key))
