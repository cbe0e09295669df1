"""What rows of a table look like without what stands in them: `email: an address of 22 characters`.

Values are looked at here and go nowhere: what is returned are types, lengths and kinds.
"""

import re
from datetime import timedelta

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.policy.asking import asking
from lifecycle.postgres.catalog import Table
from lifecycle.postgres.names import sql_name

ROWS = 3
LIMIT = timedelta(seconds=2)
_KINDS = (
    (re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]+"), "an address"),
    (re.compile(r"\+?[0-9][0-9 ()/.-]{6,18}"), "a number as of a telephone"),
    (re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"), "a UUID"),
    (re.compile(r"https?://\S+"), "a URL"),
    (re.compile(r"\S+"), "a word"),
)


def of(conn: Connection[TupleRow], table: Table) -> tuple[str, ...]:
    """Return the shapes of three rows, one line each. Raise psycopg.Error where they cannot be read."""
    columns = sql.SQL(", ").join(
        sql.SQL("left({}::text, 200)").format(sql.Identifier(c.name)) for c in table.columns
    )
    with asking(conn, table.owner, LIMIT) as ask:
        rows = ask(
            sql.SQL("select {} from {} limit {}").format(
                columns, sql_name(table.name), sql.Literal(ROWS)
            )
        )
    return tuple(
        ", ".join(
            f"{c.name} {_shape(c.type, value)}" for c, value in zip(table.columns, row, strict=True)
        )
        for row in rows
    )


def _shape(type_: str, value: str | None) -> str:
    if value is None:
        return "NULL"
    if not type_.startswith(("text", "character", "citext", "name")):
        return type_
    if value == "":
        return "empty"
    kind = next((word for pattern, word in _KINDS if pattern.fullmatch(value)), "words")
    return f"{kind} of {len(value)}{'' if len(value) < 200 else ' or more'} characters"
