"""Whose timelines lie in the store: this server's own, with those it came from, and no other that goes on.

A restored copy that was promoted and archives into the store it was restored from is a second server there, and the
next recovery follows it. The server itself says on which timeline it is; the history of that one, in the store, says
which led to it. What its own ledger was written on, it has lived through: a history that denies that is another's.

A promotion of this server itself is quiet: its timeline is there with its history, and what it left has ended. A server
that was cut off may still archive what it had closed; who archives later than that goes on by itself. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backups.wal_g.listing import Backup
from backups.wal_g.log import Line, place
from backups.wal_g.watch.survey import Said, Store
from lifecycle.coverage import Reason
from lifecycle.outcome import Failure
from lifecycle.words import moment

SETTLED = timedelta(minutes=10)
"""For how long after a promotion the server that was left may still store what it had closed before."""

_WHO = (
    "Find out who archives there (a restored copy must run with `archive_mode = off`) and end it, then remove what it "
    "stored with `wal-g st rm`: a recovery to the latest timeline follows it."
)
_NOT_YET = Reason(
    "the server was promoted and has archived nothing of its timeline yet",
    "Look again after `archive_timeout`.",
)


@dataclass(frozen=True, slots=True)
class Lines:
    """What the histories in the store say, by their timeline; None for one that is no history."""

    read: Mapping[int, Line | None]

    def of(self, timeline: int) -> Line | None:
        """Return the line that leads to this timeline; None where nobody can tell."""
        return self.read.get(timeline) or (Line(1) if timeline == 1 else None)


def strangers(said: Said, store: Store, lines: Lines) -> Iterator[Failure | Reason]:
    """Yield each timeline in the store that is not of this server's line and goes on, and what denies that line."""
    own = said.server.open.timeline
    line = lines.of(own)
    if line is None:
        yield _without(own, store, lines)
        line = Line(own)
    else:
        yield from _denied(said, line, lines)
    began = _began(line, store)
    for timeline in sorted(store.timelines):
        stored = store.newest(timeline)
        if timeline in line.members:
            yield from _left(said, line, timeline, store, began)
        elif timeline > own or began is None or stored > began + SETTLED:
            yield _stranger(own, timeline, lines.read.get(timeline), stored)


def foreign(backups: Sequence[Backup], identifier: int) -> Iterator[Failure]:
    """Yield each base backup of another server that was taken since the first one of this server."""
    ours = [one.start_time for one in backups if one.system_identifier == identifier]
    for one in backups:
        before = bool(ours) and one.finish_time < min(ours)
        if one.system_identifier not in (None, identifier) and not before:
            what = "it is a base backup of another server, taken while this one archives into the same store"
            hint = "Give each server a store of its own: `WALG_*_PREFIX`."
            yield Failure(one.backup_name, what, hint)


def _without(own: int, store: Store, lines: Lines) -> Failure | Reason:
    name = f"{own:08X}.history"
    if own in lines.read:
        what = "what lies in the store under this name is no history of the server's timeline"
    elif any(one.timeline == own for one in store.segments):
        what = (
            "segments of the server's timeline are in the store, and its history is not: nobody comes back over the "
            "promotion"
        )
    else:
        return _NOT_YET
    return Failure(
        name, what, f"Store the server's own: `wal-g wal-push pg_wal/{name}`, on its host."
    )


def _denied(said: Said, line: Line, lines: Lines) -> Iterator[Failure]:
    """Yield what the server has lived through and the history of its timeline in the store says otherwise."""
    name = f"{line.timeline:08X}.history"
    hint = f"Two servers write into one store. Compare it with pg_wal/{name} on this server's host."
    for what in (*_begins(said, line), *_lived(said, line), *_other(line, lines)):
        yield Failure(name, what, hint)


def _begins(said: Said, line: Line) -> Iterator[str]:
    at = said.server.lsn
    if line.forks and line.forks[-1].at > at:
        begins = place(line.forks[-1].at)
        yield f"it says that the server's timeline begins at {begins}, and the server is at {place(at)}"


def _lived(said: Said, line: Line) -> Iterator[str]:
    ends = {fork.left: fork.at for fork in line.forks}
    for timeline, at in sorted(said.lived.items()):
        if timeline == line.timeline:
            continue
        if timeline not in ends:
            yield f"it does not know of timeline {timeline}, on which this server's own ledger was written"
        elif at > ends[timeline]:
            yield (
                f"it says that timeline {timeline} was left at {place(ends[timeline])}, and this server's own ledger "
                f"was written on it at {place(at)}"
            )


def _other(line: Line, lines: Lines) -> Iterator[str]:
    for timeline in line.members[:-1]:
        other = lines.read.get(timeline)
        if other is not None and other.forks != line.forks[: len(other.forks)]:
            yield f"it and {timeline:08X}.history are not of one line"


def _began(line: Line, store: Store) -> datetime | None:
    """Return when the store got the history of the server's timeline: what was left has ended then."""
    return store.histories.get(line.timeline) if line.forks else None


def _left(
    said: Said, line: Line, timeline: int, store: Store, began: datetime | None
) -> Iterator[Failure]:
    """Yield that a timeline which the server left goes on."""
    size = said.server.segment_size
    if timeline == line.timeline or began is None:
        return
    late = {
        one: at
        for one, at in store.segments.items()
        if one.timeline == timeline and not line.has(one, size) and at > began + SETTLED
    }
    if late:
        newest = max(late, key=lambda one: one.number)
        what = (
            f"timeline {timeline}, which this server left when it was promoted, goes on: {newest.name(size)} was "
            f"stored at {moment(late[newest])}"
        )
        yield Failure(f"timeline {timeline}", what, _WHO)


def _stranger(own: int, timeline: int, line: Line | None, stored: datetime) -> Failure:
    """Return what a timeline is that nothing of the server's line explains."""
    left = f", left timeline {line.forks[-1].left} at {place(line.forks[-1].at)}" if line else ""
    what = (
        f"it is in the store{left}, last written at {moment(stored)}, and the server is on {own}: a copy was promoted "
        "and archives there, or this server is the one that was left behind"
    )
    return Failure(f"timeline {timeline}", what, _WHO)
