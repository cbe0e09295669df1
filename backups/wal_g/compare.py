"""Compares a recovered copy with what its point held: each table's rows and content, and each index with its table.

A page of a table that was lost is legal to PostgreSQL and to its checksums, to pg_dump and to amcheck: an index that
knows of more rows than the table has, and the counts of the source, are what tell.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from backups import manifest, measure
from backups.manifest import Content
from backups.wal_g import statements
from backups.wal_g.copy import LIMIT
from backups.wal_g.record import Point
from lifecycle.errors import CommandFailed
from lifecycle.outcome import Failure
from lifecycle.postgres import connect
from lifecycle.postgres.names import policy_name
from lifecycle.postgres.server import Cluster

_PAGES = "Pages of it are lost. Look at the source now: count it there by its index and by itself."


def unseen(conn: Connection[TupleRow], point: Point) -> int:
    """Return how many transactions committed before the point, unseen by its counts. Ask before the copy is opened."""
    asked = {"in_progress": list(point.in_progress), "xmax": point.xmax}
    row = conn.execute(statements.UNSEEN, asked).fetchone()
    assert row is not None
    return int(row[0])


def reader(copy: Cluster, database: str) -> str:
    """Make a role that can read all and do nothing, and return its conninfo: no code of the data runs as superuser."""
    with connect.connect(copy.dsn(database), "backups.recover", write=True) as conn:
        conn.execute(statements.CREATE_READER)
    return make_conninfo(copy.dsn(database), user=statements.READER)


def tables(info: str, recorded: Mapping[str, Content]) -> tuple[tuple[Failure, ...], int]:
    """Return what differs from the record, and how many rows there are in all."""
    with (
        closing(connect.connect(info, "backups.recover", write=False)) as conn,
        conn.transaction(force_rollback=True),
    ):
        measure.pin(conn, LIMIT)
        found = measure.tables(conn)
    differ = manifest.differences(recorded, found)
    return differ, sum(content.rows for content in found.values())


def indexes(info: str) -> Iterator[tuple[str, Failure | None]]:
    """Yield each table that was counted by an index and by itself, and what is wrong with it.

    A table is left out where PostgreSQL does not count it by an index alone, as where it was never vacuumed.
    """
    with (
        closing(connect.connect(info, "backups.recover", write=False)) as conn,
        conn.transaction(force_rollback=True),
    ):
        measure.pin(conn, LIMIT)
        for schema, relname in conn.execute(statements.INDEXED).fetchall():
            name = policy_name(schema, relname)
            conn.execute(statements.BY_INDEX)
            plan = " ".join(row[0] for row in conn.execute(statements.explained(schema, relname)))
            if "Index Only Scan" not in plan:
                continue
            by_index = _counted(conn, schema, relname)
            conn.execute(statements.BY_TABLE)
            by_table = _counted(conn, schema, relname)
            what = f"has {by_table:,} rows, and its index knows of {by_index:,}"
            yield name, None if by_index == by_table else Failure(name, what, _PAGES)


def _counted(conn: Connection[TupleRow], schema: str, relname: str) -> int:
    row = conn.execute(statements.counted(schema, relname)).fetchone()
    assert row is not None
    return int(row[0])


def explained(error: psycopg.Error) -> CommandFailed:
    """Return why the copy could not be read: its pages, as far as anybody knows."""
    known = connect.explain(error)
    return CommandFailed(f"the copy cannot be read: {known.what}", hint=known.hint)


def checksums(copy: Cluster) -> bool:
    """Check every page of the stopped copy against its checksum; return False where it has none.

    Raise CommandFailed where one is wrong.
    """
    if "Data page checksum version:           0" in copy.run(
        "pg_controldata", "-D", str(copy.data)
    ):
        return False
    copy.run("pg_checksums", "--check", "-D", str(copy.data), timeout=LIMIT.total_seconds())
    return True
