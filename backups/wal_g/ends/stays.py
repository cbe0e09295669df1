"""Which base backups and which part of the log stay, and whether any time of what is kept would be lost by it. Pure.

From one base backup on, the anchor, everything stays: the newest by which no time is lost, and none newer than the last
that a drill has proven. Before it only what somebody wants to have, or the store holds: permanent ones, what a kept one
builds on, WAL-G's own LATEST, what Object Lock holds; each with the log from its beginning to its end, without which it
is none.

    base:   B1       B2(permanent)    B3        | keep |   B4       B5
    log:    ........................................................
    stays:           B2 and its log   B3 and all of the log from there on
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from backups.wal_g import listing
from backups.wal_g.ends.survey import Seen
from backups.wal_g.intervals import Reach, reach
from backups.wal_g.listing import Backup
from backups.wal_g.log import Segment
from lifecycle.errors import Unproven


@dataclass(frozen=True, slots=True)
class Stays:
    """The base backups that stay, those that end, and from which number on the whole log stays.

    `ranges` are parts of it before that, which the kept ones need, as numbers of segments.
    """

    anchor: Backup
    kept: tuple[Backup, ...]
    ends: tuple[Backup, ...]
    since: int
    ranges: tuple[tuple[int, int], ...]

    def needs(self, number: int) -> bool:
        """Say whether a segment of this number stays."""
        return number >= self.since or any(first <= number <= last for first, last in self.ranges)


def find(seen: Seen, since: datetime, unfinished: Iterable[str]) -> Stays | None:
    """Return what stays so that no time from `since` on is lost; None where whatever ends, one would be.

    `unfinished` are names of base backups that are not listed and stay: their log stays, too.
    """
    backups, last = seen.there.backups, _last_proven(seen)
    before = reached(seen, backups, seen.there.store.segments)
    needed = _needed(before, since)
    old = [one for one in backups if one.finish_time <= since] or list(backups[:1])
    for one in reversed(old):
        anchor = one if last is None or one.finish_lsn <= last.finish_lsn else last
        found = _from(seen, anchor, since, unfinished)
        whole = all(map(seen.is_whole, chain(anchor, backups)))
        if whole and not any(lost(before, after(seen, found), needed)):
            return found
    return None


def _needed(before: Reach, since: datetime) -> datetime:
    """Return from when on no time is lost: where nobody can come back to `since` itself, from the last time before it.

    A log that broke before then leaves nothing younger, and what still can be come back to is the last there is.
    """
    ends = [one.until for one in before.intervals if one.since <= since]
    return min(since, ends[-1]) if ends else since


def after(seen: Seen, stays: Stays) -> Reach:
    """Return what one could come back to once everything else has ended."""
    there = [one for one in seen.there.store.segments if stays.needs(one.number)]
    return reached(seen, stays.kept, there)


def reached(seen: Seen, backups: Sequence[Backup], there: Iterable[Segment]) -> Reach:
    """Return what one can come back to with these base backups and this log."""
    line, size = seen.there.line, seen.said.server.segment_size
    assert line is not None
    ours = {one for one in there if line.has(one, size)}
    return reach(backups, ours, line, seen.said.moments, size)


def lost(before: Reach, later: Reach, since: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield each span of time from `since` on that could be come back to before, and not later any more."""
    for one in before.intervals:
        first = max(one.since, since)
        if first <= one.until and not any(
            other.since <= first and one.until <= other.until for other in later.intervals
        ):
            yield first, one.until


def _from(seen: Seen, anchor: Backup, since: datetime, unfinished: Iterable[str]) -> Stays:
    backups, size = seen.there.backups, seen.said.server.segment_size
    latest = listing.latest(seen.there.listed)
    wanted = [
        one
        for one in backups
        if _is_wanted(one, anchor, since)
        or one in (latest, backups[-1])
        or one.backup_name in seen.locked
    ]
    names = {link.backup_name for one in wanted for link in chain(one, backups)}
    kept = tuple(one for one in backups if one.backup_name in names)
    ends = tuple(one for one in backups if one.backup_name not in names)
    ranges = tuple((one.start_lsn // size, one.finish_lsn // size) for one in kept)
    first = min([anchor.start_lsn // size, *(seen.begins(name) for name in unfinished)])
    return Stays(anchor, kept, ends, first, ranges)


def _is_wanted(one: Backup, anchor: Backup, since: datetime) -> bool:
    return one.is_permanent or one.finish_time > since or one.finish_lsn >= anchor.finish_lsn


def chain(one: Backup, backups: Sequence[Backup]) -> list[Backup]:
    """Return it with all that it builds on, as far as that is there."""
    try:
        return listing.chain(one, backups)
    except Unproven:
        return [one]


def _last_proven(seen: Seen) -> Backup | None:
    """Return the newest base backup that a drill came back with, of those that are there."""
    proven = [one for one in seen.there.backups if one.backup_name in seen.proven]
    return proven[-1] if proven else None
