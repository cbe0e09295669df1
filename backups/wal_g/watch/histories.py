"""Reads what the histories of timelines in the store say. They are small, never change, and are fetched by name.

A drill holds them against the server too, where it answers: only it knows which promotion was its own.
"""

from collections.abc import Iterator

from backups import scratch
from backups.wal_g import segment
from backups.wal_g.log import Line, line
from backups.wal_g.program import Program
from backups.wal_g.record import Point
from backups.wal_g.watch import survey
from backups.wal_g.watch.survey import Said, Store
from backups.wal_g.watch.timelines import Lines, strangers
from lifecycle.coverage import Reason
from lifecycle.errors import CommandFailed, LifecycleError, Unproven
from lifecycle.outcome import Failure
from lifecycle.system import System

READ = 8
"""How many are read, the newest timelines first: each names all that it came from."""


def read(system: System, walg: Program, store: Store) -> Lines:
    """Return what they say. Raise as `segment.fetched`, but for one that is damaged."""
    newest = sorted(store.histories, reverse=True)[:READ]
    if not newest:
        return Lines({})
    with scratch.directory(system.machine) as ours, segment.place(ours) as place:
        found = dict[int, Line | None]()
        for timeline in newest:
            name = f"{timeline:08X}.history"
            try:
                if segment.fetched(walg, name, place):
                    text = (place / name).read_text(encoding="utf-8", errors="replace")
                    found[timeline] = line(timeline, text)
            except (CommandFailed, Unproven, ValueError):
                found[timeline] = None
        return Lines(found)


def held_against(system: System, walg: Program, point: Point) -> Iterator[Failure | Reason]:
    """Yield each timeline in the store that goes on and is not the server's, as far as anybody can tell without it."""
    store = survey.stored(walg, point.segment_size)
    lines = read(system, walg, store)
    if said := _said(system):
        yield from strangers(said, store, lines)
        return
    line = lines.of(point.timeline)
    others = store.timelines - set(line.members if line else (point.timeline,))
    if others:
        named = ", ".join(map(str, sorted(others)))
        yield Reason(
            f"the store has timeline {named} too, and the database that would know whether it is its own is not there",
            "A copy may have been promoted and archive there. Look at the `.history` files in the store.",
        )


def _said(system: System) -> Said | None:
    """Return what the server says; None where it does not answer, or is none whose timeline this is."""
    try:
        said = survey.asked(system)
    except LifecycleError:
        return None
    return None if said.server.standby else said
