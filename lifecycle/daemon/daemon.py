"""The daemon: rings, ticks, claims, drains. Stays alive while a database is away, and ends itself when it is stuck.

SIGTERM, SIGINT     claim nothing more, wait for what runs, then ask it to stop (cancelled, can be resumed)
the same again      ask at once
kill -9             runs go on and end in their own processes; the next daemon finds everything on the ledger
exit code 70        no tick for a minute: whoever started the daemon (systemd, Kubernetes) starts it again
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType

import psycopg
import structlog

from lifecycle import clock, cron, rooms, unexpected
from lifecycle.daemon.notify import notify
from lifecycle.daemon.wake import Alarm
from lifecycle.errors import LifecycleError
from lifecycle.ledger import claims, daemons
from lifecycle.outside import ping
from lifecycle.running import worker
from lifecycle.schedule.state import DaemonState
from lifecycle.schedule.tick import tick
from lifecycle.system import System
from lifecycle.watch import alert, http

log = structlog.get_logger("lifecycle.daemon")

STUCK = 70
"""Exit code of a daemon that no longer ticks (sysexits.h: internal software error)."""

PAUSE = 0.2
"""Seconds between two looks at whether a signal came."""


class Daemon:
    """One process that ticks for some systems and works their runs off."""

    def __init__(self, systems: Sequence[System], *, schedules: bool) -> None:
        jobs = {system.name: rooms.jobs(system.policy) for system in systems}
        for system in systems:
            for job in jobs[system.name]:
                cron.check(job.cron, system.policy.timezone)
        self.state = DaemonState(
            claims.new_holder(), tuple(systems), jobs, clock.now(), schedules=schedules
        )
        self.settings = systems[0].machine
        self._asked = 0
        self._turns = {system.name: (threading.Lock(), threading.Lock()) for system in systems}

    def run(self, *, until_idle: bool = False) -> int:
        """Work until a signal comes, or until nothing is left to do; return the exit code.

        With `until_idle`: 1 when a run did not pass. Raise LifecycleError when a database is away then.
        """
        self._hear_signals()
        server = None if until_idle else self._serve()
        log.info("daemon started", systems=[system.name for system in self.state.systems])
        workers = worker.start(self.state, self.settings.daemon.workers)
        try:
            if until_idle:
                self._until_idle()
            else:
                self._for_ever()
        finally:
            self._drain(workers)
            if server is not None:
                server.shutdown()
        return 1 if until_idle and self.state.unpassed else 0

    def _serve(self) -> http.Server | None:
        """Answer monitors, where the settings say so. A worker has nothing to tell that the daemon does not."""
        listen = self.settings.daemon.listen
        return http.serve(listen, self.state) if listen and self.state.schedules else None

    def _hear_signals(self) -> None:
        def count(_number: int, _frame: FrameType | None) -> None:
            self._asked += (
                1  # and nothing more: a handler that takes a lock may wait for its own thread
            )

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, count)

    # --- for ever

    def _for_ever(self) -> None:
        alarm = self._alarm()
        alarm.start()
        notify("READY=1")
        began = clock.monotonic()
        while not self._asked:
            time.sleep(PAUSE)
            self._supervise(alarm, began)
        notify("STOPPING=1")
        alarm.stop()

    def _alarm(self) -> Alarm:
        state, alarm = self.state, Alarm(4 * len(self.state.systems) + 1)
        every, now = self.settings.daemon.tick.at_least(), clock.now()
        for system in state.systems:
            alarm.every(f"tick {system.name}", every, now, self._ticking(system))
            alarm.every(f"tell {system.name}", every, now, self._telling(system))
            if state.schedules:
                for job in state.jobs[system.name]:
                    name = f"slot {system.name} {job.name}"
                    alarm.at_slots(name, job.cron, system.policy.timezone, self._ticking(system))
        alarm.every("ping", every, now, lambda: _ping(state))
        return alarm

    def _ticking(self, system: System) -> Callable[[], None]:
        waiting, working = self._turns[system.name]

        def turn() -> None:
            # Who finds another already waiting leaves it to them: their look will be later than this.
            if waiting.acquire(blocking=False):
                with working:
                    waiting.release()
                    self._tick(system)

        return turn

    def _tick(self, system: System) -> None:
        try:
            tick(self.state, system)
        except (psycopg.Error, LifecycleError) as error:
            log.warning("no tick", system=system.name, error=unexpected.explain(error).what)
        self.state.pulse[system.name] = clock.monotonic()
        self.state.last_tick[system.name] = clock.now()

    def _telling(self, system: System) -> Callable[[], None]:
        return lambda: _tell(system)

    def _supervise(self, alarm: Alarm, began: float) -> None:
        """Ring for a tick that a step of the clock holds back; end a process that does not tick at all."""
        now = clock.monotonic()
        oldest = max(now - self.state.pulse.get(s.name, began) for s in self.state.systems)
        if oldest > self.state.tick_limit.total_seconds():
            log.error("no tick comes round; leaving, to be started again", seconds=round(oldest))
            os._exit(STUCK)
        if oldest > 2 * self.settings.daemon.tick.at_least().total_seconds():
            for system in self.state.systems:
                alarm.ring_now(f"tick {system.name}", clock.now())
        notify("WATCHDOG=1")

    # --- until idle

    def _until_idle(self) -> None:
        """Do what is due now and what waits, then leave. Slots that fall due meanwhile are not ours."""
        for system in self.state.systems:
            tick(self.state, system)
        self.state.schedules = False
        while not self._asked and self._open():
            time.sleep(PAUSE)
        for system in self.state.systems:
            _tell(system)

    def _open(self) -> bool:
        if self.state.children:
            return True
        try:
            return any([tick(self.state, system).open for system in self.state.systems])  # noqa: C419 - each ticks
        except (psycopg.Error, LifecycleError) as error:
            log.warning("no tick", error=unexpected.explain(error).what)
        return True

    # --- leaving

    def _drain(self, workers: Sequence[threading.Thread]) -> None:
        state, asked = self.state, self._asked
        state.stop.set()
        state.work.set()
        log.info("daemon leaves", running=len(state.children))
        end = clock.monotonic() + self.settings.daemon.drain.at_least().total_seconds()
        while _any_alive(workers) and clock.monotonic() < end and self._asked <= asked:
            state.work.set()  # for those who wait
            time.sleep(PAUSE)
        state.hurry.set()
        end = clock.monotonic() + 2 * worker.GRACE.total_seconds()
        while _any_alive(workers) and clock.monotonic() < end:
            state.work.set()
            time.sleep(PAUSE)
        for system in state.systems:
            with (
                contextlib.suppress(psycopg.Error, LifecycleError),
                contextlib.closing(system.connect("leave")) as conn,
            ):
                daemons.stopped(conn, state.id)


def _any_alive(threads: Sequence[threading.Thread]) -> bool:
    return any(thread.is_alive() for thread in threads)


def _tell(system: System) -> None:
    """Deliver the alerts that wait."""
    try:
        with contextlib.closing(system.connect("alerts")) as conn:
            alert.deliver(conn, system.machine, system.name)
    except (psycopg.Error, LifecycleError) as error:
        log.warning("no alerts", system=system.name, error=unexpected.explain(error).what)


def _ping(state: DaemonState) -> None:
    """Say outside that this daemon lives, unless a database is away: then its silence is the only alert."""
    if state.in_touch(clock.now()):
        ping.daemon(state.systems[0].machine)
