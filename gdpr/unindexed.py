"""Which of an erasure's predicates no index serves, so that a whole table is read while rows are locked. Reads only."""

from collections.abc import Iterator

from psycopg import Connection
from psycopg.rows import TupleRow

from audit.section import SECTION as AUDIT
from gdpr import statements_of_references as statements
from gdpr.reach import Reach
from lifecycle.policy.virtual import Virtual
from lifecycle.postgres.names import sql_name
from lifecycle.words import counted

FEW = 10_000
"""Rows of a table that are read as fast as an index is."""


def said(conn: Connection[TupleRow], reach: Reach) -> Iterator[str]:
    """Yield, in words, where an index is missing, and how many rows are read instead. Of references others tell."""
    for table, columns in dict.fromkeys(_asked(reach)):
        rows = reach.table(table).estimated_rows
        if rows <= FEW:
            continue
        named = {"table": sql_name(table).as_string(), "columns": list(columns)}
        if conn.execute(statements.INDEXED, named).fetchone() == (False,):
            on = ", ".join(columns)
            yield (
                f"{table}: no index begins with {on}, so that about {counted(rows, 'row')} are read while rows of "
                f"the person are locked: `create index concurrently on {table} ({on})`"
            )


def _asked(reach: Reach) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the columns by which rows are found, or held by a foreign key when what they point to goes."""
    for table in (*reach.deleted, *reach.kept):
        owner = reach.owner(table)
        if isinstance(owner, str):
            yield table, (owner,)
    keys = [key for table in (*reach.deleted, *reach.kept) for key in reach.ways(table)]
    keys += [key for mention in reach.mentions for key in mention.keys]
    for key in (*keys, *reach.hanging):
        if not isinstance(key, Virtual):
            yield key.table, key.columns
    if log := AUDIT.of(reach.policy):
        yield from ((log.table, (column,)) for column in (log.subject, *log.actors))
        of_uuid = reach.key().type == "uuid"  # else the number is nobody's without its table
        yield log.table, (log.record,) if of_uuid else (log.named, log.record)
