"""Which rows of a table are on hold, for whoever destroys: asked in the transaction that does it.

    holds = gate.standing(conn)              who places one from here on waits until the transaction has ended
    held = gate.on(holds, policy, catalog, "visits")
    ... delete ... where <overdue> and not (held.rows)       with held.keys among its values

Whose a row is only the room of erasures can say; `rooms.load("whose")` asks it. Where it cannot, as the policy has
words that it does not know yet, every row of a table that holds people's data is on hold: too much stays, and is named.
So it is where a hold names a table, a column or a kind of people that is not there any more: a rename ends no hold.
Keys never stand in what is said to the server, but beside it: what is said may be logged.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle import rooms
from lifecycle.errors import LifecycleError
from lifecycle.holds import statements
from lifecycle.holds.hold import Hold, read
from lifecycle.outcome import Failure
from lifecycle.policy import taken_off
from lifecycle.policy.model import Policy
from lifecycle.postgres import connect
from lifecycle.postgres.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Held:
    """The condition of a row `t` that is on hold, None where no row of the table can be, and the values it asks for."""

    rows: sql.Composed | None
    keys: Mapping[str, str]


_ALL = sql.SQL("true").format()


def standing(conn: Connection[TupleRow]) -> tuple[Hold, ...]:
    """Return the holds that stand now, by the database's clock, to whoever destroys in this transaction.

    Who places one from here on hears that it is placed when this has ended. Raise psycopg.Error as it comes.
    """
    with conn.pipeline():
        conn.execute(
            statements.ENTER
        )  # by itself: what is asked next sees all that was placed before
        return known(conn)


def standing_while_connected(conn: Connection[TupleRow]) -> tuple[Hold, ...]:
    """Return the same to whoever destroys what no transaction can hold, until this connection is closed."""
    conn.execute(statements.ENTER_CONNECTED)
    return known(conn)


def must_be_connected(conn: Connection[TupleRow]) -> None:
    """Raise Unreachable where that connection was closed meanwhile: whoever places a hold waits for nobody then."""
    try:
        conn.execute(statements.CONNECTED)
    except psycopg.Error as error:
        raise connect.explain(error) from None


def known(conn: Connection[TupleRow]) -> tuple[Hold, ...]:
    """Return the holds that stand now, to whoever only looks: in nobody's way. Raise psycopg.Error as it comes."""
    return tuple(map(read, conn.execute(statements.STANDING).fetchall()))


def readable(conn: Connection[TupleRow]) -> tuple[Hold, ...]:
    """Return the holds that stand where this login may read them; none where nothing is installed. Only to look at."""
    return () if conn.execute(statements.READABLE).fetchone() is None else known(conn)


def _keys(holds: Iterable[Hold]) -> dict[str, str]:
    return {
        f"{statements.name_of(hold)}{text}": hold.key
        for hold in holds
        if hold.key is not None
        for text in ("", "_text")
    }


def on(holds: Iterable[Hold], policy: Policy, catalog: Catalog, table: str) -> Held:
    """Return which rows of this table are on hold by any of these: true or false of each, never null."""
    every = tuple(holds)
    parts = [part for hold in every for part in _by(hold, policy, catalog, table)]
    parts += _persons(every, policy, catalog, table)
    rows = sql.SQL("coalesce({}, false)").format(sql.SQL(" or ").join(parts))
    return Held(rows if parts else None, _keys(every))


def lost(holds: Iterable[Hold], policy: Policy, catalog: Catalog) -> tuple[Failure, ...]:
    """Return the holds on a table, a column or a kind of people that is not there: nobody can tell what they hold."""
    return tuple(
        Failure(
            f"hold {hold.number}",
            f"it is on {hold}, and that is not there any more: until somebody says what it holds, it holds every row",
            f"Was it renamed? Place the hold anew, then `lifecycle holds release {hold.number}`.",
        )
        for hold in holds
        if _is_lost(hold, policy, catalog)
    )


def _is_lost(hold: Hold, policy: Policy, catalog: Catalog) -> bool:
    match hold.covers:
        case "table":
            return hold.table not in catalog.tables
        case "span":
            found = catalog.tables.get(hold.table or "")
            return found is None or found.column(hold.column or "") is None
        case "value":
            return not any(t.column(hold.column or "") for t in catalog.tables.values())
        case "person":
            return hold.subject not in policy.subjects


def _by(hold: Hold, policy: Policy, catalog: Catalog, table: str) -> Iterator[sql.Composed]:
    # What was a partition is held with its table.
    held = hold.table in (table, catalog.taken_off.get(table))
    there = catalog.table(table).column(hold.column or "")
    if _is_lost(hold, policy, catalog) or (hold.covers == "table" and held):
        yield _ALL
    elif hold.covers == "span" and held:
        yield statements.in_span(hold, there.type) if there else _ALL
    elif hold.covers == "value" and there:
        yield statements.has_value(hold, there.type)
    # People: `_persons`, all of a kind together, as it takes a while to say whose a row is.


def _persons(
    holds: tuple[Hold, ...], policy: Policy, catalog: Catalog, table: str
) -> Iterator[sql.Composed]:
    """Yield which rows are of people on hold; whose a row can be is worked out once for all of one kind."""
    declared = taken_off.declared(policy, catalog).tables.get(table)
    if declared is None or not declared.owner:
        return
    kinds: dict[str, list[Hold]] = {}
    for hold in holds:
        if hold.covers == "person" and hold.subject in policy.subjects:
            kinds.setdefault(hold.subject, []).append(hold)
    for kind, those in kinds.items():
        try:
            for _, room in rooms.load("whose"):
                names = map(statements.name_of, those)
                yield from room.rows_of(policy, catalog, kind, tuple(names), table)
        except LifecycleError:
            yield _ALL
