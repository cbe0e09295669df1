"""Which partitions of a table end by a rule, and when the others will. Pure: judged by their bounds, never by names.

A partition ends when the time of the last row that it may hold is over: when its upper bound is not after the cutoff.
What hangs on the table directly ends whole, with all that is below it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from lifecycle.partitions import bounds
from lifecycle.partitions.bounds import Holds, KeyType
from lifecycle.postgres.bounds_clause import range_bounds
from lifecycle.postgres.catalog import Table

Ends = Callable[[datetime], datetime | None]
"""Tells from an upper bound when its partition ends, on the key's clock; None where nobody knows."""


@dataclass(frozen=True, slots=True)
class Part:
    """A partition that hangs on the table directly, with the leaves below it; `over`: its time is.

    `ends` is the day on which its last row's time is over, on the clock of the key; None where it never is, as it is
    the default partition or has no upper bound, or where nobody knows, as it ends by the size of the table. `since` is
    its lower bound.
    """

    name: str
    leaves: tuple[str, ...]
    over: bool
    ends: date | None
    since: datetime = bounds.LOWEST


def parts(
    table: Table, ends: Ends, before: datetime | date, holds: Holds | None
) -> tuple[Part, ...]:
    """Return the partitions of a table, those being detached left out. `before` is the rule's cutoff.

    `ends` tells when one ends that has this upper bound. `holds` is what the key holds that is no moment. Raise
    ValueError where a bound is none.
    """
    above = {child: branch.name for branch in table.branches for child, _ in branch.children}
    leaves: dict[str, list[str]] = {}
    for leaf in table.partitions:
        if not leaf.detaching:
            leaves.setdefault(_top(leaf.name, above, table.name), []).append(leaf.name)
    return tuple(_parts(table, ends, edge(before), holds or "timestamptz", leaves))


def edge(before: datetime | date) -> datetime:
    """Return a cutoff as bounds are compared with it: naive, a moment on UTC, else on the key's own clock."""
    return bounds.parse(before.isoformat(), "timestamptz")


def over(bound: str, nth: int, before: datetime | date, holds: Holds | None) -> bool:
    """Say whether the time of a partition with this clause is over. Raise ValueError where it is none of moments.

    `nth` is the column of the key that is the time.
    """
    _, upper = range_bounds(bound, nth)
    return upper is not None and bounds.parse(upper, holds or "timestamptz") <= edge(before)


def _parts(
    table: Table,
    ends: Ends,
    cutoff: datetime,
    key: KeyType,
    leaves: Mapping[str, list[str]],
) -> Iterator[Part]:
    for name, bound in table.branches[0].children:
        first, last = range_bounds(bound, table.nth)
        lower = bounds.LOWEST if first is None else _moment(name, first, key)
        lower = bounds.HIGHEST if bound == "DEFAULT" else lower  # what it takes, others do not
        upper = bounds.HIGHEST if last is None else _moment(name, last, key)
        yield Part(name, tuple(leaves.get(name, ())), upper <= cutoff, _day(ends, upper), lower)


def _moment(name: str, bound: str, key: KeyType) -> datetime:
    """Return the moment of a bound. Raise ValueError with the partition's name where it is none, or in the middle."""
    try:
        return bounds.parse(bound, key)
    except ValueError:
        raise ValueError(f"{name}, {bound}") from None


def _day(ends: Ends, upper: datetime) -> date | None:
    if upper == bounds.HIGHEST:
        return None
    try:
        moment = ends(upper)
    except (OverflowError, ValueError):
        return None
    return None if moment is None else moment.date()


def _top(leaf: str, above: Mapping[str, str], table: str) -> str:
    while above.get(leaf, table) != table:
        leaf = above[leaf]
    return leaf
