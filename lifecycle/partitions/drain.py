"""Decides which rows leave a default partition, and with which partition they do. Pure.

They move in the transaction that makes the partition of their period: whoever reads the table sees each of them once,
before in the default partition, after in theirs. Nothing moves where that would not be all: where a trigger or a rule
would take it for a deletion, where a foreign key leads to the table (ON DELETE would act), where forced row security
hides rows from the owner, where the default partition is another's, where there are more than a moment's worth of rows,
and where a row's time alone does not say which partition it belongs to.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from lifecycle.partitions import bounds, grid
from lifecycle.partitions.bounds import KeyType
from lifecycle.partitions.cover import Attached
from lifecycle.partitions.grid import Every, Slot
from lifecycle.partitions.step import CreatePartition
from lifecycle.partitions.survey import Seen
from lifecycle.postgres.catalog import Table

_INSTANT = timedelta(microseconds=1)


def rows(seen: Seen, table: Table, key: KeyType) -> tuple[datetime, ...]:
    """Return the moments of rows that can leave the default partition, in order."""
    named = {table.name, *(part.name for part in table.partitions if part.default)}
    acting = (*table.triggers, *table.rules)
    if (
        table.rls_forced
        or table.nth
        or any(part.default and part.relation.owner != table.owner for part in table.partitions)
        or any(one.enabled != "D" and one.relation in named for one in acting)
        or any(one.referenced == table.name for one in seen.catalog.foreign_keys)
    ):
        return ()
    found: list[datetime] = []
    for text in seen.lying.get(table.name, ()):
        try:
            found.append(bounds.parse(text, key))
        except ValueError:  # a UUID, or a number between two microseconds: no moment to put it by
            return ()
    return tuple(sorted(found))


def early(
    moments: Iterable[datetime],
    length: Every,
    key: KeyType,
    zone: ZoneInfo,
    parts: tuple[Attached, ...],
    present: Slot,
) -> tuple[Slot, ...]:
    """Return the periods of these rows between the first partition and the present one: nobody made them then."""
    first = parts[0].lower if parts else present.lower
    found: dict[datetime, Slot] = {}
    for moment in moments:
        if first <= moment < present.lower:
            slot = next(grid.between(length, key, zone, moment, moment + _INSTANT))
            if slot.lower < present.lower:
                found[slot.lower] = slot
    return tuple(found.values())


def with_rows(
    step: CreatePartition, table: Table, key: KeyType, moments: tuple[datetime, ...]
) -> CreatePartition:
    """Return the step with the rows that it moves."""
    lower, upper = bounds.parse(step.lower, key), bounds.parse(step.upper, key)
    count = sum(lower <= moment < upper for moment in moments)
    default = next((p.name for p in table.partitions if p.default and p.parent == table.name), "")
    if not count or not default:
        return step
    columns = tuple(column.name for column in table.columns if not column.generated)
    return replace(step, moves=count, moves_from=default, columns=columns)
