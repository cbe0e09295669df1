"""Whether each moment of the promised window can be come back to, and what nobody can, by its times. Pure."""

from collections.abc import Iterator

from backups.wal_g.intervals import Hole, Reach
from backups.wal_g.watch import known
from backups.wal_g.watch.survey import Said
from backups.wal_g.words import WalG
from lifecycle.outcome import Failure
from lifecycle.words import counted, moment


def short(promised: WalG, reached: Reach, said: Said) -> Iterator[Failure]:
    """Yield that the window does not reach back as far as promised, or as restore points were written at all."""
    since = said.pointed
    if not reached.intervals:
        what = "from none of the base backups one can come back to anything"
        yield Failure("window", what, "Take one now: `wal-g backup-push`.")
        return
    first = reached.intervals[0].since
    if since is not None and first > max(promised.window.before(said.server.at), since):
        what = (
            f"one can come back to {moment(first)} at most; {promised.window} are promised, and restore points were "
            f"written since {moment(since)}"
        )
        yield Failure("window", what, "Look what deletes base backups: `wal-g delete` keeps less.")


def broken(promised: WalG, reached: Reach, said: Said) -> Iterator[Failure]:
    """Yield each hole within the window of which nobody knows."""
    size, begins = said.server.segment_size, promised.window.before(said.server.at)
    for hole in reached.holes:
        if hole.until > begins and known.unknown(hole.gaps, said.known, size):
            yield _hole(hole, size)


def _hole(hole: Hole, size: int) -> Failure:
    many = sum(gap.many for gap in hole.gaps)
    first, last = hole.gaps[0].first.name(size), hole.gaps[-1].last.name(size)
    what = (
        f"no time between {moment(hole.since)} and {moment(hole.until)} can be come back to: "
        f"{counted(many, 'segment')} of the log missing, {first} to {last}"
    )
    hint = (
        "Where pg_wal or another copy has them still: `wal-g wal-push`. Where they are lost, say who knows of it: "
        f"`lifecycle backups ack-gap {first} --because ... --by ... --until DAY`."
    )
    return Failure(first, what, hint)
