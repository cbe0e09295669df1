"""Says of a rule before which moment is over what it ends, and when a partition will be. Pure.

A rule ends rows after a time, or at a moment that each says itself, or partitions by their number or the size of their
table (amount.py). All of them become one cutoff, so that whatever counts, plans and judges needs to know one thing.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from lifecycle.partitions import grid
from lifecycle.partitions.bounds import KeyType, on_utc
from lifecycle.partitions.rule import Partitioning
from lifecycle.partitions.section import SECTION as PARTITIONS
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Table
from retention import amount, cutoff, floor, parts
from retention.amount import Weighed
from retention.rule import RetentionRule


@dataclass(frozen=True, slots=True)
class Clock:
    """A rule of a table whose key is of this kind; days begin at midnight in `zone`. `weighed` says how large it is."""

    policy: Policy
    rule: RetentionRule
    table: Table
    key: KeyType
    zone: ZoneInfo
    weighed: tuple[Weighed, ...]

    @property
    def every(self) -> str | None:
        """Return how long the policy makes a partition of the table, if it makes any."""
        return self._partitioned.every if self._partitioned else None

    @property
    def weighs(self) -> int:
        """Return the bytes of the table, without what was taken off."""
        return sum(piece.size for piece in self.weighed if piece.attached)

    def before(self, now: datetime) -> datetime | date:
        """Return the cutoff as the column compares with it. Raise ValueError where a bound is no moment."""
        if self.rule.newest is None and self.rule.size is None:
            return cutoff.value(cutoff.cutoff(self.rule.after, self.zone, now), self.key)
        present = self._of(now.astimezone(self.zone))
        floors = floor.least(self.rule, self.policy)
        youngest = min(self._of(cutoff.cutoff(span, self.zone, now)) for span in floors)
        if self.rule.bytes is not None:
            until = min(present, youngest)
            cut = amount.largest(self.weighed, self.rule.bytes, until, self.key, self.table.nth)
        else:
            begun = amount.begins(self.table, self.key)
            cut = min(amount.newest(begun, self.rule.newest or 1, present), youngest)
        return cutoff.of_key(cut, self.key)

    def past(self, now: datetime) -> bool:
        """Say whether no partition reaches the present: a key that holds a number may be read as another unit."""
        return amount.reaches(self.table, self.key) <= self._of(now.astimezone(self.zone))

    def ends(self, upper: datetime) -> datetime | None:
        """Return when a partition with this upper bound ends, on the key's clock; None where nobody knows."""
        if self.rule.after is not None:
            return self.rule.after.after(upper)
        if self.rule.newest is None:
            return None
        last = self._begins(upper, self.rule.newest)
        floors = floor.least(self.rule, self.policy)
        return None if last is None else max(last, *(span.after(upper) for span in floors))

    def _begins(self, upper: datetime, count: int) -> datetime | None:
        """Return when so many partitions after one have begun: those that are there, and then those of the policy."""
        there = [moment for moment in amount.begins(self.table, self.key) if moment >= upper]
        if len(there) >= count:
            return there[count - 1]
        if self._partitioned is None or not self._partitioned.every or not there:
            return None
        last = there[-1].replace(tzinfo=UTC if on_utc(self.key) else self.zone)
        more = count - len(there)
        return grid.slots(self._partitioned.length, self.key, self.zone, last, more)[more].lower

    @property
    def _partitioned(self) -> Partitioning | None:
        return PARTITIONS.of(self.policy).get(self.table.name)

    def _of(self, moment: datetime) -> datetime:
        """Return a moment as bounds are compared with it."""
        return parts.edge(cutoff.value(moment, self.key))
