"""From when to when one can come back with WAL-G: "any time in [a, b] except (c, d)". Pure.

Places in the log decide, and no clock of the store's: a bucket that was copied has other times. Which time a place is
of, two know: a base backup, whose log begins after its start and which can be come back to from its finish on; and the
ledger, in which each look at the server says how far its log was. What was written before such a moment lies below its
place. So an interval ends at the last moment that is known to lie in it, and a little more is there than it says.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from backups.wal_g import listing
from backups.wal_g.listing import Backup
from backups.wal_g.log import Line, Segment
from lifecycle.errors import Unproven
from lifecycle.words import counted, moment


class Moment(NamedTuple):
    """All that was written before this time lies below this place in the log of this timeline."""

    at: datetime
    timeline: int
    lsn: int


@dataclass(frozen=True, slots=True)
class Interval:
    """One can come back to any time in it, with these base backups, oldest first."""

    since: datetime
    until: datetime
    backups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """Segments of the log that are missing, one after another: the first and the last, and how many."""

    first: Segment
    last: Segment

    @property
    def many(self) -> int:
        """Return how many there are."""
        return self.last.number - self.first.number + 1


@dataclass(frozen=True, slots=True)
class Hole:
    """Between two intervals: no time in it can be come back to. `gaps` are the segments that are missing there."""

    since: datetime
    until: datetime
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """The intervals in their order, the holes between them, and every gap since the oldest base backup."""

    intervals: tuple[Interval, ...]
    holes: tuple[Hole, ...]
    gaps: tuple[Gap, ...]

    def __str__(self) -> str:
        if not self.intervals:
            return "one can come back to no time at all"
        since, until = self.intervals[0].since, self.intervals[-1].until
        said = f"one can come back to any time from {moment(since)} to {moment(until)}"
        if self.holes:
            except_ = ", ".join(
                f"{moment(one.since)} to {moment(one.until)}" for one in self.holes[:3]
            )
            more = (
                f" and {counted(len(self.holes) - 3, 'more', 'more')}"
                if len(self.holes) > 3
                else ""
            )
            said += f" except {except_}{more}"
        return said


def reach(
    backups: Sequence[Backup],
    stored: Collection[Segment],
    line: Line,
    moments: Sequence[Moment],
    size: int,
) -> Reach:
    """Return it. `backups` are this server's by their place in the log; `line` leads to where the server is."""
    there = {one.number for one in stored if line.needs(one.number, size) == one}
    usable = [
        one for one in backups if _whole(one, backups) and _on(line, one.timeline, one.start_lsn)
    ]
    if not usable:
        return Reach((), (), ())
    ends = _ends(there)
    known = _Clock(usable, line, moments)
    found, led = list[Interval](), -1
    for one in usable:
        first = one.start_lsn // size
        end = ends.get(first, first) * size
        if end < one.finish_lsn:
            continue
        until = max(one.finish_time, known.before(end))
        if found and one.finish_lsn <= led:
            last = found.pop()
            names = (*last.backups, one.backup_name)
            found.append(Interval(last.since, max(last.until, until), names))
        else:
            found.append(Interval(one.finish_time, until, (one.backup_name,)))
        led = max(led, end)
    gaps = tuple(_gaps(there, usable[0].start_lsn // size, line, size))
    return Reach(tuple(found), tuple(_holes(found, usable, gaps, size)), gaps)


def _whole(one: Backup, backups: Sequence[Backup]) -> bool:
    try:
        listing.chain(one, backups)
    except Unproven:
        return False
    return True


def _on(line: Line, timeline: int, lsn: int) -> bool:
    """Say whether this place of this timeline is of the line."""
    if timeline == line.timeline:
        return True
    return any(fork.left == timeline and lsn <= fork.at for fork in line.forks)


def _ends(there: Collection[int]) -> dict[int, int]:
    """Return for each segment that is there the first after it that is not."""
    ends = dict[int, int]()
    for number in sorted(there, reverse=True):
        ends[number] = ends.get(number + 1, number + 1)
    return ends


class _Clock:
    """Which time is known to lie below a place in the log."""

    def __init__(self, backups: Sequence[Backup], line: Line, moments: Sequence[Moment]) -> None:
        began = [Moment(one.start_time, one.timeline, one.start_lsn) for one in backups]
        known = sorted((m.lsn, m.at) for m in (*began, *moments) if _on(line, m.timeline, m.lsn))
        self._places = [lsn for lsn, _ in known]
        self._times = list[datetime]()
        for _, at in known:
            self._times.append(max(at, self._times[-1]) if self._times else at)

    def before(self, lsn: int) -> datetime:
        """Return the last time of which all that was written before it lies below a place, which no base is behind."""
        return self._times[bisect_right(self._places, lsn) - 1]


def _gaps(there: Collection[int], first: int, line: Line, size: int) -> Iterator[Gap]:
    """Yield what is missing from `first` to the newest that is there."""
    before = first - 1
    for number in sorted(n for n in there if n >= first):
        if number > before + 1:
            yield Gap(line.needs(before + 1, size), line.needs(number - 1, size))
        before = number


def _holes(
    intervals: Sequence[Interval], backups: Sequence[Backup], gaps: Sequence[Gap], size: int
) -> Iterator[Hole]:
    """Yield what lies between two intervals, with the gaps that make it: from the last base backup before on."""
    places = {one.backup_name: one for one in backups}
    for one, after in pairwise(intervals):
        first = places[one.backups[-1]].start_lsn // size
        last = places[after.backups[0]].finish_lsn // size
        made = tuple(gap for gap in gaps if gap.last.number >= first and gap.first.number <= last)
        yield Hole(one.until, after.since, made)
