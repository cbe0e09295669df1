"""Cuts a table whose key begins with other columns than its time into series, each of one value of those. Pure.

Partitioned by range (clinic_id, at), each clinic has periods of its own: those for which it has a partition already are
continued, and of the others nobody knows that they are wanted. Every other table is one series.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from lifecycle.outcome import Failure
from lifecycle.postgres.bounds_clause import range_values
from lifecycle.postgres.catalog import Table


@dataclass(frozen=True, slots=True)
class Series:
    """A table with the partitions of these values alone, and its default one. Of a key that is a time, no values."""

    table: Table
    values: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Return what the name of a partition has of the values: numbers as they are, of others a digest."""
        return "".join(
            f"{value if re.fullmatch(r'[0-9]{1,12}', value) else _digest(value)}_"
            for value in self.values
        )

    @property
    def called(self) -> str:
        """Return what a person is told: the table, and which of its series by the beginning of their names."""
        label = self.label
        return f"{self.table.name} ({label}...)" if label else self.table.name

    def of(self, clauses: Iterable[str]) -> list[str]:
        """Return the clauses that are of this series."""
        nth = self.table.nth
        return [c for c in clauses if not nth or range_values(c, nth) == self.values]


def series(table: Table) -> tuple[Series, ...]:
    """Return the series of a table that is partitioned by time: none where no partition says of what one is wanted."""
    if not table.nth:
        return (Series(table),)
    return tuple(_one(table, values) for values in dict.fromkeys(_values(table)))


def unclear(table: Table) -> Failure | None:
    """Return why nobody can tell which partitions a table needs; None where one can."""
    if not table.nth:
        return None
    of = ", ".join(table.before_key)
    wide = [n for n, bound in table.branches[0].children if _wide(bound, table.nth)]
    if wide:
        return Failure(
            table.name,
            f"{wide[0]} takes more than one value of {of}, so a partition of one of them cannot be made beside it",
            f"Make partitions that take one value of {of} each, with its bounds the same in it; or take the table out.",
        )
    if not any(True for _ in _values(table)):
        return Failure(
            table.name,
            f"it has no partition, and for which values of {of} rows will come nobody can tell",
            "Make the first of each by hand: those that are there are continued.",
        )
    return None


def _one(table: Table, values: tuple[str, ...]) -> Series:
    def its(bound: str) -> bool:
        return bound == "DEFAULT" or range_values(bound, table.nth) == values

    whole, *below = table.branches
    whole = replace(whole, children=tuple(c for c in whole.children if its(c[1])))
    there = tuple(part for part in table.partitions if its(part.bound))
    return Series(replace(table, partitions=there, branches=(whole, *below)), values)


def _values(table: Table) -> Iterable[tuple[str, ...]]:
    for _, bound in table.branches[0].children:
        if values := range_values(bound, table.nth):
            yield values


def _wide(bound: str, nth: int) -> bool:
    return bound != "DEFAULT" and range_values(bound, nth) is None


def _digest(value: str) -> str:
    """Return what tells it from another: a value may be a person's."""
    return hashlib.sha256(value.encode()).hexdigest()[:8]
