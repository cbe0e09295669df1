"""What a drill measures beside rows: its time, the log's way to the archive, what was written there, since when all is.

Pure, but for the look into the store.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from backups.timings import Timings
from backups.wal_g import listing
from backups.wal_g.listing import Backup
from backups.wal_g.log import segment
from backups.wal_g.program import Program
from backups.wal_g.record import Point, Recorded
from backups.wal_g.watch.known import Known
from backups.wal_g.words import WalG, unkept
from lifecycle.coverage import Reason
from lifecycle.errors import Unproven
from lifecycle.outcome import Failure
from lifecycle.words import counted, moment

STALE = timedelta(hours=36)
"""The newest point may not be older: one nightly one missed, and half a day to notice."""

BROUGHT_BACK = ("select", "fetch", "configure", "recover", "open")
"""The phases after which a server answers: these are the rto."""


def stored(walg: Program) -> frozenset[str]:
    """Return the names of what lies in the store's folder of the log. Raise as `Program.run`."""
    return frozenset(one.name for one in walg.ls("wal_005/"))


def written(before: frozenset[str], after: frozenset[str], timeline: int) -> Iterator[Failure]:
    """Yield what was written while the drill ran and is not of the source's own timeline."""
    for name in sorted(after - before):
        if not name.startswith(f"{timeline:08X}") and name[:8].isalnum():
            yield Failure(
                name,
                "was written into the archive while the drill ran, and is of another timeline than the source's",
                "Look who archives there: the next recovery would follow it.",
            )


def too_late(promised: WalG, recorded: Recorded, now: datetime) -> Iterator[Failure]:
    """Yield what is lost beyond the rpo: what waits for its segment to be closed, and then for the archive.

    A point of days ago says nothing of it: since then the archive may have had nothing any more.
    """
    if now - recorded.at > STALE:
        hours = round((now - recorded.at) / timedelta(hours=1))
        yield Failure(
            "rpo",
            f"the newest restore point in the archive is {hours} hours old; it may be {STALE // timedelta(hours=1)}",
            "Look at the latest runs of backups.point with `lifecycle runs list`.",
        )
    timeout = recorded.point.archive_timeout
    if broken := unkept(promised, None if timeout < 0 else timeout):
        yield Failure("rpo", broken, "Change the server's setting, or the promise in the policy.")
        return
    took = on_its_way(recorded)
    if took is not None and took > promised.rpo.at_least():
        yield Failure(
            "rpo",
            f"what is written can be {took} on its way into the archive; {promised.rpo} is promised",
            "Look what holds `archive_command` up, or set `archive_timeout` lower.",
        )


def on_its_way(recorded: Recorded) -> timedelta | None:
    """Return how long what is written can be on its way into the archive; None where nothing bounds it.

    It waits for its segment to be closed, `archive_timeout` at most, and then for the archive to have it.
    """
    timeout = recorded.point.archive_timeout
    if timeout <= 0:
        return None
    return timedelta(seconds=timeout, milliseconds=recorded.archived_ms)


def too_short(
    backups: Sequence[Backup],
    names: Collection[str],
    since: datetime,
    point: Point,
    those: Sequence[Known] = (),
) -> Iterator[Failure | Reason]:
    """Yield what keeps one from coming back to any moment from `since` to the point, or why that cannot be told.

    `backups` are this server's, `names` what lies in the store's folder of the log, `those` the gaps that are known.
    """
    before = [one for one in backups if one.finish_time <= since]
    if not before:
        first = min(one.finish_time for one in backups)
        what = f"no base backup from before {moment(since)} is there: one can come back to {moment(first)} at most"
        yield Failure("window", what, "Look what deletes base backups: `wal-g delete` keeps less.")
        return
    base = before[-1]
    try:
        listing.chain(base, backups)
    except Unproven as error:
        yield Failure("window", error.what, error.hint)
    if base.timeline != point.timeline:
        yield Reason(
            f"a server was promoted since {base.backup_name}, from which one would come back to its beginning",
            "Until a base backup of the new timeline is older than the window, come back to its beginning by hand.",
        )
        return
    there = {name[:24] for name in names}
    lost = [name for name in _segments(base, point) if name not in there]
    size = point.segment_size
    if lost := [one for one in lost if not any(k.covers(segment(one, size), size) for k in those)]:
        what = f"{counted(len(lost), 'segment')} of the log since {base.backup_name} not in the archive: {lost[0]}"
        yield Failure(
            "window", what, "Look what deletes there: no moment after it is come back to."
        )


def _segments(base: Backup, point: Point) -> Iterator[str]:
    """Yield the names of the segments from a base backup to the point, on one timeline."""
    each = 2**32 // point.segment_size
    first, last = (
        int(name[8:16], 16) * each + int(name[16:], 16)
        for name in (base.wal_file_name, point.segment)
    )
    for number in range(first, last + 1):
        yield f"{point.timeline:08X}{number // each:08X}{number % each:08X}"


def too_slow(promised: WalG, timings: Timings) -> Iterator[Failure]:
    """Yield that it took longer than the rto until a server answered."""
    took = timedelta(milliseconds=brought_back(timings))
    if took > promised.rto.at_least():
        yield Failure(
            "rto",
            f"a copy answered after {took}; {promised.rto} is promised",
            "Take base backups more often where recovery took long, or let the store be nearer where fetching did.",
        )


def brought_back(timings: Timings) -> int:
    """Return after how many milliseconds a server answered."""
    return sum(timings.counts.get(f"{name}_ms", 0) for name in BROUGHT_BACK)
