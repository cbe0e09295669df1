"""What would be left of a person in a transaction that has let their rows go, and is rolled back. Reads only.

Reads no row that stood there before: those were looked through before anything was locked (`beforehand.py`).
"""

from collections.abc import Mapping

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from audit import fresh
from audit.fresh import Stood
from audit.section import SECTION as AUDIT
from gdpr import references
from gdpr import statements_of_search as search
from gdpr.note import Note
from gdpr.reach import Reach
from gdpr.search import stream
from gdpr.search.needles import Needles
from gdpr.texts import searchable
from lifecycle.errors import Unproven
from lifecycle.policy import triggers
from lifecycle.postgres.names import sql_name
from lifecycle.words import counted


def no_pointer(conn: Connection[TupleRow], reach: Reach, note: Note) -> None:
    """Raise Unproven when a row would go on leading to what is gone, by a reference that no foreign key holds."""
    led = references.left(conn, reach, note.led)
    if standing := [f"{name} ({counted(rows, 'row')})" for name, rows in led if rows]:
        raise Unproven(
            f"rows would still lead to the person, or to what was theirs: {', '.join(standing)}",
            hint="Nothing was changed. A trigger on the table puts the former value back.",
        )


def stood(conn: Connection[TupleRow], reach: Reach) -> Mapping[str, Mapping[str, Stood]]:
    """Return what the tables have, before anything is written, that triggers of those of the erasure may write to."""
    log = AUDIT.of(reach.policy)
    to = {to for table in reach.tables() for to in triggers.written_to(reach.policy, table.name)}
    to -= {log.table} if log else set()  # of its rows the person is taken out
    return {name: fresh.stood(conn, reach.table(name)) for name in sorted(to)}


def no_identifier(
    conn: Connection[TupleRow],
    reach: Reach,
    known: Note,
    before: Mapping[str, Mapping[str, Stood]],
) -> None:
    """Raise Unproven when an identifier of the person stands in rows that were written since `before`."""
    needles, left = Needles([known.needles()]) if before else None, list[str]()
    for name, then in before.items():
        table, rows = reach.table(name), 0
        columns = [column.name for column in searchable(table)]
        for leaf, numbers in fresh.added(conn, table, then).items():
            only = sql.SQL("only {}").format(sql_name(leaf))
            query = search.printed(only, columns, rows=search.NUMBERED)
            for block in stream.blocks(conn, query, {"numbers": numbers}):
                rows += len({hit.row for hit in needles.rows(block)}) if needles else 0
        if rows:
            left.append(f"{name} ({counted(rows, 'row')})")
    if left:
        raise Unproven(
            f"an identifier of the person would still stand in {', '.join(left)}",
            hint="Nothing was changed. Say in the policy whose these rows are, or take the value out by hand.",
        )
