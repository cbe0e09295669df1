"""Says DDL as a table's owner, from within a function that only the owner can have called.

On the way PostgreSQL may evaluate the owner's functions (of a check, of an index), and a session of ours could become
any other owner. It cannot within a SECURITY DEFINER function: there nobody changes roles, nor resets them.
"""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from typing import LiteralString, Protocol

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.partitions import statements
from lifecycle.postgres.owners import step_into
from lifecycle.postgres.waits import LIMIT

Command = sql.Composed | LiteralString


class Say(Protocol):
    """Says statements, in one go; `within` limits how long all of them may take (PostgreSQL's units)."""

    def __call__(self, *commands: Command, within: str | None = None) -> None: ...  # noqa: D102


@contextmanager
def enclosed(conn: Connection[TupleRow], owner: str, schema: str) -> Generator[Say]:
    """Give a way to say statements as this owner, in a transaction of the caller's. Raise psycopg.Error as it comes."""
    door = (schema, f"lifecycle_{secrets.token_hex(8)}")  # a name that nobody has taken

    def say(*commands: Command, within: str | None = None) -> None:
        texts = [c.as_string(conn) if isinstance(c, sql.Composed) else c for c in commands]
        before = None
        if within is not None:
            before, _ = conn.execute(statements.LIMIT, {"limit": within}).fetchone() or ("0", None)
        conn.execute(statements.enclosed(*door), {"commands": texts})
        if before is not None:
            conn.execute(statements.LIMIT, {"limit": before})

    conn.execute(statements.PREPARE, {"limit": LIMIT})
    conn.execute(step_into(owner))
    conn.execute(statements.enclose(*door))
    yield say
    conn.execute(statements.open_again(*door))
    conn.execute(statements.RESET_ROLE)
