"""What a daemon knows of itself: for /healthz, /readyz and /metrics, and for its own supervisor."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lifecycle.job import Job
from lifecycle.ledger.claims import Claim
from lifecycle.settings.model import TICK_LIMIT
from lifecycle.system import System


@dataclass(slots=True)
class DaemonState:
    """Written by the daemon's threads, one key per system; read by anybody.

    `last_tick` is when a tick came round, whether or not the database answered; `reached` when it did. `skew` is
    the local clock minus the database's, in seconds. `pulse` is the last tick on the monotonic clock, which a
    step of the wall clock does not move. `children` are the processes of runs, by pid; `unpassed` the runs (system,
    number) that were carried out here and did not pass. `stop` ends claiming, `hurry` ends the children, `work`
    says that something may be there to claim.
    """

    id: str
    systems: tuple[System, ...]
    jobs: Mapping[str, tuple[Job, ...]]
    started: datetime
    schedules: bool = True
    last_tick: dict[str, datetime] = field(default_factory=dict[str, datetime])
    reached: dict[str, datetime] = field(default_factory=dict[str, datetime])
    skew: dict[str, float] = field(default_factory=dict[str, float])
    pulse: dict[str, float] = field(default_factory=dict[str, float])
    children: dict[int, Claim] = field(default_factory=dict[int, Claim])
    unpassed: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    stop: threading.Event = field(default_factory=threading.Event)
    hurry: threading.Event = field(default_factory=threading.Event)
    work: threading.Event = field(default_factory=threading.Event)

    @property
    def draining(self) -> bool:
        """Say whether the daemon is on its way out: it claims nothing any more."""
        return self.stop.is_set()

    def in_touch(self, now: datetime) -> bool:
        """Say whether every system's database was worked with of late: an alert is a row of it."""
        return all(
            system.name in self.reached and now - self.reached[system.name] < self.tick_limit
            for system in self.systems
        )

    @property
    def tick_limit(self) -> timedelta:
        """Return the age at which a last tick means that the daemon is stuck."""
        return max(TICK_LIMIT, 4 * self.systems[0].machine.daemon.tick.at_least())
