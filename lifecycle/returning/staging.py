"""The session's own table that rows are loaded into before one of them is in a table of the application's."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.ledger.code import Code
from lifecycle.postgres.statements_of_code import LOOK_ONLY
from lifecycle.returning import statements

LIMIT = timedelta(hours=4)
"""How long one statement over the rows may take."""


@contextmanager
def reading(conn: Connection[TupleRow]) -> Generator[None]:
    """Open a transaction of one snapshot in which nothing can be written, and that is always rolled back.

    Code of an application's type that runs as its values are read changes nothing in it, nor in its session.
    """
    with conn.transaction(force_rollback=True):
        conn.execute(LOOK_ONLY)
        _patiently(conn)
        yield


@contextmanager
def loading(conn: Connection[TupleRow], seen: Code) -> Generator[None]:
    """Open one of which the rows stay that were loaded into this session's own table, and nothing else.

    Raise Refused, and no row is loaded, where code has been exchanged that may have run as they were.
    """
    with seen.look(conn):
        _patiently(conn)
        yield


def _patiently(conn: Connection[TupleRow]) -> None:
    limit = {"milliseconds": str(round(LIMIT.total_seconds() * 1000))}
    conn.execute(statements.PATIENT, limit).fetchone()
    pin(conn)


def pin(conn: Connection[TupleRow]) -> None:
    """Fix, for the current transaction, how values are printed and read."""
    conn.execute(statements.PIN).fetchone()


def content(conn: Connection[TupleRow]) -> tuple[int, str]:
    """Return how many rows were loaded, and a digest of them whatever their order. Within `reading` or `loading`."""
    found = conn.execute(statements.content(statements.STAGED, statements.ALL)).fetchone()
    assert found is not None
    return found[0], found[1]
