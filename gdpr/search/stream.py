"""Reads rows as COPY prints them, in blocks of whole rows. Memory is that of a block, or of the longest row."""

from collections.abc import Iterator, Mapping
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import TupleRow

BLOCK = 1 << 20
"""Bytes that are looked through at once: less costs turns, more costs memory."""


def blocks(
    conn: Connection[TupleRow], query: sql.Composed, values: Mapping[str, Any] | None = None
) -> Iterator[bytes]:
    """Yield what a query gives, each row on a line of its own. Raise psycopg.Error as it comes."""
    copied = sql.SQL("copy ({}) to stdout").format(query)
    rows: list[Any] = []
    size = 0
    with conn.cursor() as cursor, cursor.copy(copied, values) as copy:
        for row in copy:  # the server sends a whole row at a time
            rows.append(row)
            size += len(row)
            if size >= BLOCK:
                yield b"".join(rows)
                rows, size = [], 0
    yield b"".join(rows)
