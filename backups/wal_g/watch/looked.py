"""Looks into the store: what is there of the log, which base backups, which line leads to the server, and how far."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from backups.wal_g import listing
from backups.wal_g.intervals import Reach, reach
from backups.wal_g.listing import Backup
from backups.wal_g.log import Line, Segment
from backups.wal_g.program import Program
from backups.wal_g.watch import histories, survey
from backups.wal_g.watch.lag import Lag, lag
from backups.wal_g.watch.survey import Said, Store
from backups.wal_g.watch.timelines import Lines
from lifecycle.system import System


@dataclass(frozen=True, slots=True)
class Looked:
    """The store's side. `line` and `reach` are None where no history says where the server's timeline comes from.

    `ours` are the segments that lead to where the server is, as far as anybody knows.
    """

    store: Store
    ours: Mapping[Segment, datetime]
    listed: tuple[Backup, ...]
    backups: tuple[Backup, ...]
    lines: Lines
    line: Line | None
    behind: Lag
    reach: Reach | None


def look(system: System, walg: Program, said: Said) -> Looked:
    """Return it. Raise as `Program.run`, and as `listing.parse`."""
    size = said.server.segment_size
    # First: of a store that does not answer, `backup-list` says that it has no backups, and ends with 0.
    store = survey.stored(walg, size)
    listed = listing.parse(walg.ask("backup-list", "--detail", "--json"))
    lines = histories.read(system, walg, store)
    line = lines.of(said.server.open.timeline)
    ours = {one: at for one, at in store.segments.items() if line is None or line.has(one, size)}
    backups = listing.of_server(listed, said.server.identifier)
    reached = reach(backups, ours, line, said.moments, size) if line else None
    return Looked(store, ours, listed, backups, lines, line, lag(said, ours), reached)
