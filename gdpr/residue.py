"""What would be left of a person in a transaction that has let their rows go, and is rolled back. Reads only."""

from psycopg import Connection
from psycopg.rows import TupleRow

from audit import anonymise
from gdpr import references
from gdpr import statements_of_search as search
from gdpr.notes import Note
from gdpr.reach import Reach, searchable
from lifecycle.errors import Unproven
from lifecycle.words import counted


def no_pointer(conn: Connection[TupleRow], reach: Reach, note: Note) -> None:
    """Raise Unproven when a row would go on leading to what is gone, by a reference that no foreign key holds."""
    led = references.left(conn, reach, note.led)
    if standing := [f"{name} ({counted(rows, 'row')})" for name, rows in led if rows]:
        raise Unproven(
            f"rows would still lead to the person, or to what was theirs: {', '.join(standing)}",
            hint="Nothing was changed. A trigger on the table puts the former value back.",
        )


def no_identifier(conn: Connection[TupleRow], reach: Reach, known: Note) -> None:
    """Raise Unproven when an identifier of the person still stands somewhere in the database."""
    needles = known.needles()
    pattern = {"pattern": anonymise.pattern(needles), "parts": anonymise.parts(needles)}
    left: list[str] = []
    for table in reach.catalog.tables.values():
        columns = searchable(table)
        if not columns:
            continue
        row = conn.execute(search.holding(table.name, columns), pattern).fetchone()
        if row and row[0]:
            left.append(f"{table.name} ({counted(row[0], 'row')})")
    if left:
        raise Unproven(
            f"an identifier of the person would still stand in {', '.join(left)}",
            hint="Nothing was changed. Say in the policy whose these rows are, or take the value out by hand.",
        )
