"""Says DDL as a table's owner, from within a function that only the owner can have called.

On the way PostgreSQL may evaluate the owner's functions (of a check, of an index), and a session of ours could become
any other owner. It cannot within a SECURITY DEFINER function: there nobody changes roles, nor resets them. Such a
function could be exchanged from within, so each serves once; and what is set there for the session lasts, so a search
path is said again before the next name is looked up: it would decide which operators the statements after it use.
"""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from typing import LiteralString, Protocol

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.partitions import statements
from lifecycle.postgres import session
from lifecycle.postgres.owners import step_into
from lifecycle.postgres.waits import LIMIT

Command = sql.Composed | LiteralString


class Say(Protocol):
    """Says statements, in one go; `within` limits how long all of them may take (PostgreSQL's units)."""

    def __call__(self, *commands: Command, within: str | None = None) -> None: ...  # noqa: D102


@contextmanager
def enclosed(conn: Connection[TupleRow], owner: str, schema: str) -> Generator[Say]:
    """Give a way to say statements as this owner, in a transaction of the caller's. Raise psycopg.Error as it comes."""

    def say(*commands: Command, within: str | None = None) -> None:
        texts = [c.as_string(conn) if isinstance(c, sql.Composed) else c for c in commands]
        door = (schema, f"lifecycle_{secrets.token_hex(8)}")  # a name that nobody has taken
        before = None
        if within is not None:
            before, _ = conn.execute(statements.LIMIT, {"limit": within}).fetchone() or ("0", None)
        conn.execute(statements.enclose(*door))
        conn.execute(statements.enclosed(*door), {"commands": texts})
        conn.execute(session.PATH)  # before any name is looked up again
        conn.execute(statements.open_again(*door))
        if before is not None:
            conn.execute(statements.LIMIT, {"limit": before})

    conn.execute(statements.PREPARE, {"limit": LIMIT})
    conn.execute(step_into(owner))
    yield say
    conn.execute(statements.RESET_ROLE)
    session.settle(conn)
