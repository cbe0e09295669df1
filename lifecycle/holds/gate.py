"""Which rows of a table are on hold, for whoever destroys: asked in the transaction that does it.

    holds = gate.standing(conn)              no hold is placed from here on until the transaction ends
    held = gate.on(holds, policy, catalog, "visits")
    ... delete ... where <overdue> and not (held)

Whose a row is only the room of erasures can say; `rooms.load("whose")` asks it. Where it cannot, as the policy has
words that it does not know yet, every row of a table that holds people's data is on hold: too much stays, and is named.
"""

from collections.abc import Iterable, Iterator

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle import rooms
from lifecycle.errors import LifecycleError
from lifecycle.holds import statements
from lifecycle.holds.hold import Hold, read
from lifecycle.policy import taken_off
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Catalog

Held = sql.Composed | None
"""The condition of a row `t` that is on hold; None where no row of the table can be."""

_ALL = sql.SQL("true").format()


def standing(conn: Connection[TupleRow]) -> tuple[Hold, ...]:
    """Return the holds that stand now, by the database's clock. Raise psycopg.Error as it comes.

    Within a transaction: none is placed or released from here on until it ends.
    """
    return tuple(map(read, conn.execute(statements.STANDING).fetchall()))


def readable(conn: Connection[TupleRow]) -> tuple[Hold, ...]:
    """Return the holds that stand where this login may read them; none where nothing is installed. Only to look at."""
    return standing(conn) if conn.execute(statements.READABLE).fetchone() else ()


def on(holds: Iterable[Hold], policy: Policy, catalog: Catalog, table: str) -> Held:
    """Return which rows of this table are on hold by any of these."""
    parts = [part for hold in holds for part in _by(hold, policy, catalog, table)]
    return sql.SQL("({})").format(sql.SQL(" or ").join(parts)) if parts else None


def _by(hold: Hold, policy: Policy, catalog: Catalog, table: str) -> Iterator[sql.Composed]:
    held = hold.table in (
        table,
        catalog.taken_off.get(table),
    )  # what was a partition is held with its table
    match hold.covers:
        case "table":
            if held:
                yield _ALL
        case "span":
            if held:
                there = catalog.table(table).column(hold.column or "")
                yield statements.in_span(hold) if there else _ALL
        case "value":
            if catalog.table(table).column(hold.column or ""):
                yield statements.has_value(hold)
        case "person":
            yield from _persons(hold, policy, catalog, table)


def _persons(hold: Hold, policy: Policy, catalog: Catalog, table: str) -> Iterator[sql.Composed]:
    declared = taken_off.declared(policy, catalog).tables.get(table)
    if declared is None or not declared.owner:
        return
    try:
        for _, room in rooms.load("whose"):
            rows = room.rows_of(policy, catalog, hold.subject, hold.key, table)
            if rows is not None:
                yield rows
    except LifecycleError:
        yield _ALL
