"""Counts what was taken off its table by a rule and stands alone until it is dropped. Changes nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.coverage import Looks, Reason
from lifecycle.holds import gate
from lifecycle.holds.hold import Hold
from lifecycle.partitions.ends import Ends, Record
from lifecycle.policy.model import Policy
from lifecycle.postgres import connect, names, shut
from lifecycle.postgres.catalog import Catalog
from retention import parts, places, statements, statements_of_rows
from retention.rules import Bound


@dataclass(frozen=True, slots=True)
class Alone:
    """A table that was a partition. `over`: a rule of today still ends it. `unread`: why its rows were not counted.

    `archive`: that rule wants it archived before it is dropped. `timeless` rows tell that rule no time,
    and by `kept_back` ones it says that the whole stays.
    """

    record: Record
    over: bool
    archive: bool
    rows: int = 0
    on_hold: int = 0
    timeless: int = 0
    unread: Reason | None = None
    kept_back: int = 0

    @property
    def name(self) -> str:
        """Return what it is called now."""
        return self.record.called or self.record.name


def of(found: Ends, only: str | None) -> Ends:
    """Return what was found with the records of one table alone, if one is asked for."""
    records = (record for record in found.records if only in (None, record.parent))
    return replace(found, records=tuple(records))


def read(
    conn: Connection[TupleRow],
    policy: Policy,
    catalog: Catalog,
    drops: Iterable[Bound],
    found: Ends,
    holds: Sequence[Hold],
    looks: Looks,
) -> tuple[Alone, ...]:
    """Count what stands alone. What cannot be read hides no other. Raise Unreachable when the server goes away."""
    rules = {bound.table: bound for bound in drops}
    return tuple(_read(conn, policy, catalog, rules, found, holds, looks))


def _read(
    conn: Connection[TupleRow],
    policy: Policy,
    catalog: Catalog,
    rules: Mapping[str, Bound],
    found: Ends,
    holds: Sequence[Hold],
    looks: Looks,
) -> Iterator[Alone]:
    for record in found.records:
        name = record.called
        if name is None or record.attached or name not in catalog.taken_off:
            continue
        bound = rules.get(record.parent)
        over, archive = _over(record, bound), bound is not None and bound.rule.archive
        held = gate.on(holds, policy, catalog, name)
        counting = statements_of_rows.count_alone(name, held, bound)
        try:
            with looks.at(places.alone(name)), conn.transaction(force_rollback=True):
                many = conn.execute(counting, held.keys).fetchone() or (0, 0, 0, 0)
        except psycopg.Error as error:
            said = connect.explain(error)
            if conn.broken:
                raise said from None
            yield Alone(record, over, archive, unread=Reason(said.what, said.hint))
        else:
            rows, on_hold, timeless, back = many
            yield Alone(record, over, archive, rows, on_hold, timeless, kept_back=back)


def sizes(conn: Connection[TupleRow], of: Sequence[str]) -> dict[str, int]:
    """Return the bytes of tables with what hangs below them, by name, but for those that somebody has for himself.

    Raise psycopg.Error as it comes.
    """
    closed = shut.still(conn, of)
    open_to_us = [name for name in of if name not in closed]
    spelled = [names.sql_name(name).as_string(conn) for name in open_to_us]
    return dict(
        conn.execute(statements.SIZES, {"names": open_to_us, "spelled": spelled}).fetchall()
    )


def _over(record: Record, bound: Bound | None) -> bool:
    if bound is None:
        return False
    try:
        return parts.over(record.bound, bound.nth, bound.before, bound.holds)
    except ValueError:
        return False
