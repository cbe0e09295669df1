"""Which rows of a person lie on another server: in partitions that are foreign tables. Reads only.

PostgreSQL counts nowhere what it has another server change, so nobody could tell whether as many went as were found.
"""

from collections.abc import Iterator, Mapping

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from gdpr import statements
from gdpr.reach import Reach
from gdpr.rows import mentioning, owned
from lifecycle.postgres.names import sql_name
from lifecycle.words import counted


def rows(conn: Connection[TupleRow], reach: Reach, about: Mapping[str, object]) -> tuple[str, ...]:
    """Return where there are any, and what to do about them, in words. Raise psycopg.Error as it comes."""
    return tuple(_rows(conn, reach, about))


def _rows(conn: Connection[TupleRow], reach: Reach, about: Mapping[str, object]) -> Iterator[str]:
    for table, condition in _touched(reach):
        for part in reach.table(table).partitions:
            if part.kind != "f":
                continue
            asked = statements.count_within(reach, table, condition)
            values = {**about, "part": sql_name(part.name).as_string(conn)}
            many = (conn.execute(asked, values).fetchone() or (0,))[0]
            if many:
                yield (
                    f"{counted(many, 'row')} of {table} that would go or change {'lies' if many == 1 else 'lie'} in "
                    f"{part.name}, on another server, where nothing counts what we change: have it done there by hand, "
                    "or move them into a partition of this server"
                )


def _touched(reach: Reach) -> Iterator[tuple[str, sql.Composed]]:
    for table in (*reach.deleted, *reach.kept):
        yield table, owned(reach, table)
    for mention in reach.mentions:
        yield mention.table, mentioning(reach, mention)
