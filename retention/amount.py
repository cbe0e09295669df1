"""Where a rule cuts that keeps so many partitions, or so many bytes. Pure.

Counted and weighed is what is there, by its bounds; what was taken off and stands alone still weighs, or it would be
kept as soon as it is off. Whatever its size, nothing ends by it that has a row within the floors of the policy, nor the
partition of the present or one of the future.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from lifecycle.partitions import bounds
from lifecycle.partitions.bounds import KeyType
from lifecycle.postgres.bounds_clause import range_bounds
from lifecycle.postgres.catalog import Table


@dataclass(frozen=True, slots=True)
class Weighed:
    """What hangs on a table directly, or did: its clause of bounds, and its bytes with all that is below it."""

    bound: str
    size: int
    attached: bool


def begins(table: Table, key: KeyType) -> tuple[datetime, ...]:
    """Return when its partitions begin, each time once, on the key's clock. Raise ValueError where a bound is none."""
    lowers = (
        range_bounds(b, table.nth)[0] for _, b in table.branches[0].children if b != "DEFAULT"
    )
    return tuple(sorted({bounds.LOWEST if b is None else bounds.parse(b, key) for b in lowers}))


def reaches(table: Table, key: KeyType) -> datetime:
    """Return until when its partitions reach, on the key's clock. Raise ValueError where a bound is no moment."""
    clauses = [bound for _, bound in table.branches[0].children if bound != "DEFAULT"]
    return max((_upper(clause, table.nth, key) for clause in clauses), default=bounds.HIGHEST)


def newest(begun: Sequence[datetime], most: int, present: datetime) -> datetime:
    """Return the beginning of the oldest of so many that have begun: what is over before it, ends."""
    there = [moment for moment in begun if moment <= present]
    return there[-most] if len(there) >= most else bounds.LOWEST


def largest(
    pieces: Iterable[Weighed], most: int, until: datetime, key: KeyType, nth: int
) -> datetime:
    """Return the end of the newest partition that goes: the oldest do, until the rest has so many bytes.

    None goes that ends after `until`. `nth` is the column of the key that is the time. Raise ValueError where a bound
    is no moment.
    """
    ends = sorted(
        ((_upper(piece.bound, nth, key), piece.size) for piece in pieces), key=lambda one: one[0]
    )
    left, cut = sum(size for _, size in ends), bounds.LOWEST
    for upper, size in ends:
        if left <= most or upper > until:
            break
        left, cut = left - size, upper
    return cut


def _upper(clause: str, nth: int, key: KeyType) -> datetime:
    last = range_bounds(clause, nth)[1]
    return bounds.HIGHEST if last is None else bounds.parse(last, key)
