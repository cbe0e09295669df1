"""How many lockers there are."""

from collections.abc import Iterator
from datetime import datetime

from lockers.section import SECTION
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.figure import Figure, Value
from lifecycle.postgres.names import sql_name
from lifecycle.system import System

FIGURES = (Figure("lockers_held", "Lockers that somebody holds."),)


def read(system: System, conn: Connection[TupleRow], now: datetime) -> Iterator[Value]:
    """Count them."""
    lockers = SECTION.of(system.policy)
    if lockers:
        query = sql.SQL("select count(*) from {} where holder is not null")
        row = conn.execute(query.format(sql_name(lockers.table))).fetchone()
        yield Value("lockers_held", row[0] if row else 0)
