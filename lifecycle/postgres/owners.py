"""What the DDL login says as the owner of a table."""

from collections.abc import Generator
from contextlib import contextmanager

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.postgres.names import sql_name
from lifecycle.postgres.waits import LIMIT

_LIMIT = "select current_setting('lock_timeout'), set_config('lock_timeout', %(limit)s, false)"


def step_into(owner: str) -> sql.Composed:
    """Become a table's owner until the transaction ends, or says `reset role`."""
    return sql.SQL("set local role {}").format(sql.Identifier(owner))


def analyze(table: str) -> sql.Composed:
    """Have the planner draw its samples of a table anew."""
    return sql.SQL("analyze {}").format(sql_name(table))


@contextmanager
def acting_as(conn: Connection[TupleRow], owner: str) -> Generator[None]:
    """Be a table's owner for what PostgreSQL says outside a transaction only; no lock is waited for beyond WAIT."""
    values = {"limit": LIMIT}
    before, _ = conn.execute(_LIMIT, values).fetchone() or ("0", None)
    conn.execute(sql.SQL("set role {}").format(sql.Identifier(owner)))
    try:
        yield
    finally:
        if not conn.broken:
            conn.execute("reset role")
            conn.execute(_LIMIT, {"limit": before})
