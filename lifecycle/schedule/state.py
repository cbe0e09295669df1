"""What a daemon knows of itself and of its systems: for monitors, for its workers, and for its own supervisor.

Monitors are answered from here, and from nowhere else: a database that does not answer keeps nobody waiting.
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lifecycle import clock
from lifecycle.figure import Value
from lifecycle.job import Job
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.fences import Fence
from lifecycle.ledger.standing import Standing
from lifecycle.schedule.breaker import Breaker, Dark
from lifecycle.settings.model import TICK_LIMIT
from lifecycle.system import System


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was read of one system's database for monitors, and when. `unread` says which rooms could not be asked."""

    at: datetime
    jobs: Mapping[str, Standing]
    undelivered: int
    values: tuple[Value, ...] = ()
    unread: frozenset[str] = frozenset()


@dataclass(slots=True)
class DaemonState:
    """Written by the daemon's threads, one key per system; read by anybody.

    `pulse` is when the alarm clock last rang, on the monotonic clock, which a step of the wall clock does not move.
    `skew` is the local clock minus the database's, in seconds. `children` are the processes of runs, by pid;
    `ended` the exit codes of those that have ended here, by system and run. `stop` ends claiming, `hurry` ends the
    children.
    """

    id: str
    systems: tuple[System, ...]
    jobs: Mapping[str, tuple[Job, ...]]
    started: datetime
    schedules: bool = True
    pulse: float = field(default_factory=clock.monotonic)
    skew: dict[str, float] = field(default_factory=dict[str, float])
    snapshots: dict[str, Snapshot] = field(default_factory=dict[str, Snapshot])
    fences: dict[str, tuple[Fence, ...]] = field(default_factory=dict[str, tuple[Fence, ...]])
    children: dict[int, Claim] = field(default_factory=dict[int, Claim])
    ended: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    stop: threading.Event = field(default_factory=threading.Event)
    hurry: threading.Event = field(default_factory=threading.Event)
    breakers: dict[str, Breaker] = field(init=False)
    work: dict[str, threading.Event] = field(init=False)
    """Of each system: something may be there to claim."""

    def __post_init__(self) -> None:
        every = self.systems[0].machine.daemon.tick.at_least()
        self.breakers = {s.name: Breaker(every, self.started) for s in self.systems}
        self.work = {s.name: threading.Event() for s in self.systems}

    @property
    def draining(self) -> bool:
        """Say whether the daemon is on its way out: it claims nothing any more."""
        return self.stop.is_set()

    def dark(self, system: str, now: datetime) -> Dark | None:
        """Return since when and why this system cannot be worked with; None when it can."""
        return self.breakers[system].overdue(self.tick_limit, now, clock.monotonic())

    def dark_systems(self, now: datetime) -> Iterator[tuple[str, Dark]]:
        """Yield every system that is dark."""
        for system in self.systems:
            if dark := self.dark(system.name, now):
                yield system.name, dark

    @property
    def tick_limit(self) -> timedelta:
        """Return the age at which a last pulse means that the daemon is stuck, and a last tick that a system is."""
        return max(TICK_LIMIT, 4 * self.systems[0].machine.daemon.tick.at_least())
