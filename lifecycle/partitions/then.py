"""What stands below a partition that is partitioned itself, and is made with it in one transaction. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from lifecycle.partitions import bounds, cover, grid, sets
from lifecycle.partitions.bounds import KeyType
from lifecycle.partitions.grid import Slot
from lifecycle.partitions.rule import Then
from lifecycle.partitions.step import CreatePartition, child_name
from lifecycle.postgres.catalog import Branch, Table
from lifecycle.postgres.names import policy_name
from lifecycle.words import counted


def with_below(
    made: CreatePartition,
    then: Then | None,
    key: KeyType,
    zone: ZoneInfo,
    time: tuple[datetime, datetime],
) -> CreatePartition:
    """Return the step with the partitions below it; `time` is what it takes of the key, on the key's clock."""
    if then is None:
        return made
    leaves = tuple(_in_time(made, then, key, zone, time) if then.every else _of_set(made, then))
    said = f"{made.reason}, each with {counted(len(leaves), 'partition')} by {then.strategy} of {then.by}"
    return replace(made, reason=said, below=leaves)


def otherwise(
    then: Then, table: Table, key: KeyType, slots: tuple[Slot, ...]
) -> Iterator[tuple[str, str]]:
    """Yield each partition of these periods that is not partitioned again as `then` says, and how it is."""
    branches = {branch.name: branch for branch in table.branches[1:]}
    for name in cover.tops(table, key, slots):
        branch = branches.get(name)
        if branch is None:
            yield name, "it is not partitioned again"
        elif not _is_so(then, branch):
            way = f"by {branch.strategy} of {branch.key or 'several columns'}"
            yield name, f"it is partitioned again {way}, in {len(branch.children)}"


def _is_so(then: Then, branch: Branch) -> bool:
    """A set that is not whole is another matter: who judges it says what is missing."""
    so = (branch.strategy, branch.key) == (then.strategy, then.by)
    return so and (then.hash in (None, len(branch.children)) or sets.broken(branch) is not None)


def _of_set(made: CreatePartition, then: Then) -> Iterator[CreatePartition]:
    for bucket in sets.wanted(then):
        leaf = _leaf(made, then, child_name(made.relname, bucket.label))
        yield replace(leaf, values=bucket.values, lower="", upper="")


def _in_time(
    made: CreatePartition,
    then: Then,
    key: KeyType,
    zone: ZoneInfo,
    time: tuple[datetime, datetime],
) -> Iterator[CreatePartition]:
    """Yield shorter periods of the same key; the first and the last reach no further than what they stand below."""
    lower, upper = time
    for slot in grid.between(then.length, key, zone, lower, upper):
        first = bounds.literal(max(slot.lower, lower), key)
        last = bounds.literal(min(slot.upper, upper), key)
        leaf = _leaf(made, then, child_name(made.relname, slot.label))
        yield replace(leaf, lower=first, upper=last)


def _leaf(made: CreatePartition, then: Then, relname: str) -> CreatePartition:
    return replace(
        made,
        target=policy_name(made.schema, relname),
        parent=made.target,
        parent_relname=made.relname,
        relname=relname,
        by=then.by,
        strategy=then.strategy,
        above=(),
        behind=0,
    )
