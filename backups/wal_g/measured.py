"""What a drill measures beside rows: its time, how long the log takes to the archive, what was written there.

Pure, but for the look into the store.
"""

from collections.abc import Iterator
from datetime import timedelta

from backups.timings import Timings
from backups.wal_g.point import Recorded
from backups.wal_g.program import Program
from backups.wal_g.words import WalG, unkept
from lifecycle.outcome import Failure

BROUGHT_BACK = ("select", "fetch", "configure", "recover", "open")
"""The phases after which a server answers: these are the rto."""


def stored(walg: Program) -> frozenset[str]:
    """Return the names of what lies in the store's folder of the log. Raise as `Program.run`."""
    return frozenset(
        line.split()[-1] for line in walg.run("st", "ls", "wal_005/").splitlines() if line
    )


def written(before: frozenset[str], after: frozenset[str], timeline: int) -> Iterator[Failure]:
    """Yield what was written while the drill ran and is not of the source's own timeline."""
    for name in sorted(after - before):
        if not name.startswith(f"{timeline:08X}") and name[:8].isalnum():
            yield Failure(
                name,
                "was written into the archive while the drill ran, and is of another timeline than the source's",
                "Look who archives there: the next recovery would follow it.",
            )


def too_late(promised: WalG, recorded: Recorded) -> Iterator[Failure]:
    """Yield what is lost beyond the rpo: what waits for its segment to be closed, and then for the archive."""
    timeout = recorded.point.archive_timeout
    if broken := unkept(promised, None if timeout < 0 else timeout):
        yield Failure("rpo", broken, "Change the server's setting, or the promise in the policy.")
        return
    took = timedelta(seconds=timeout, milliseconds=recorded.archived_ms)
    if took > promised.rpo.at_least():
        yield Failure(
            "rpo",
            f"what is written can be {took} on its way into the archive; {promised.rpo} is promised",
            "Look what holds `archive_command` up, or set `archive_timeout` lower.",
        )


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
