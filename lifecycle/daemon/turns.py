"""What is done for one system when its bells ring. Whatever goes wrong stays with this system.

Each turn has its own thread and its own patience, and a dark system is left alone by all but its ticks.
"""

import contextlib
import threading
from datetime import timedelta

import psycopg

from lifecycle import clock, fence, unexpected
from lifecycle.errors import LifecycleError
from lifecycle.ledger import alerts
from lifecycle.logger import get_logger
from lifecycle.outside import ping
from lifecycle.postgres.patient import PATIENCE
from lifecycle.schedule.state import DaemonState
from lifecycle.schedule.tick import look
from lifecycle.system import System
from lifecycle.watch import alert
from lifecycle.watch.check import expected_interval
from lifecycle.watch.gather import gather

REMINDER = timedelta(days=1)

_UNDELIVERED = (
    "the ledger lets nobody take its alerts, so none of them is delivered. "
    "Run `lifecycle doctor`: a right may be missing."
)

log = get_logger("lifecycle.daemon")


class Turns:
    """One system's turns."""

    def __init__(self, state: DaemonState, system: System) -> None:
        self._state = state
        self._system = system
        self._waiting = threading.Lock()
        self._working = threading.Lock()
        self._telling = threading.Lock()
        self._unwritten: set[int] = set()

    def tick(self) -> None:
        """Look at the system. Who finds another already waiting leaves it to them: their look will be later."""
        if self._waiting.acquire(blocking=False):
            with self._working:
                self._waiting.release()
                look(self._state, self._system, plan=self._state.schedules)

    def gather(self) -> None:
        """Read what monitors ask, and work out for them, an hour ahead, what takes long: a schedule of seconds."""
        now, zone = clock.now(), self._system.policy.timezone
        for job in self._state.jobs[self._system.name]:
            expected_interval(job.cron, zone, now)
            expected_interval(job.cron, zone, now + timedelta(hours=1))
        if self._dark():
            return
        try:
            gather(self._state, self._system)
        except (psycopg.Error, LifecycleError) as error:
            self._warn("figures not read", error)

    def fence(self) -> None:
        """See whether rows of this database may be read out. Whom it asks may be slow: so it is a turn of its own."""
        if self._dark():
            return
        try:
            with contextlib.closing(self._system.connect("fence", patience=PATIENCE)) as conn:
                seen = fence.look(conn, self._system)
        except (psycopg.Error, LifecycleError) as error:
            self._warn("fence not looked at", error)
            return
        self._state.fences[self._system.name] = seen.standing
        if seen.unknown is not None:
            self._warn("fence not looked at", seen.unknown)

    def tell(self) -> None:
        """Deliver the alerts that wait, until none is left that may be sent now."""
        if self._dark():
            return
        try:
            with (
                self._telling,
                contextlib.closing(self._system.connect("alerts", patience=PATIENCE)) as conn,
            ):
                alert.deliver(
                    conn,
                    self._system.machine,
                    self._system.name,
                    stop=self._state.stop,
                    unwritten=self._unwritten,
                )
        except (psycopg.Error, LifecycleError) as error:
            self._warn("no alerts", error)
            if isinstance(
                error, psycopg.ProgrammingError
            ):  # a right or a table: not gone in a moment
                alerts.keep(self._system.name, "undelivered", _UNDELIVERED, within=REMINDER)

    def ping(self) -> None:
        """Say outside that this system is worked with."""
        if not self._dark():
            ping.system(self._system.machine, self._system.name)

    def told(self, patience: float) -> bool:
        """Wait so many seconds until no alert is being sent; return whether none is."""
        if self._telling.acquire(timeout=max(patience, 0)):
            self._telling.release()
            return True
        return False

    def _dark(self) -> bool:
        return self._state.dark(self._system.name, clock.now()) is not None

    def _warn(self, event: str, error: Exception) -> None:
        log.warning(event, system=self._system.name, error=unexpected.explain(error).what)
