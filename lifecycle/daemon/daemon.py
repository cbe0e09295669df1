"""The daemon: rings, ticks, claims, drains. Serves each system by itself, and ends itself when its own clock is stuck.

SIGTERM, SIGINT     claim nothing more, wait for what runs, then ask it to stop (cancelled, can be resumed)
the same again      ask at once
kill -9             runs go on and end in their own processes; the next daemon finds everything on the ledger
exit code 70        its alarm clock has not rung for a minute: whoever started the daemon (systemd, Kubernetes) starts
                    it again. A database, a webhook or a name server that hangs is never a reason.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from types import FrameType

import psycopg

from lifecycle import clock, cron, rooms
from lifecycle.daemon import idle
from lifecycle.daemon.notify import notify
from lifecycle.daemon.turns import Turns
from lifecycle.daemon.wake import Alarm
from lifecycle.errors import LifecycleError, Unproven
from lifecycle.ledger import claims, daemons
from lifecycle.logger import get_logger
from lifecycle.outside import ping
from lifecycle.running import worker
from lifecycle.running.claiming import Claiming
from lifecycle.schedule.state import DaemonState
from lifecycle.system import System
from lifecycle.watch import dark, http, unwritten

log = get_logger("lifecycle.daemon")

STUCK = 70
"""Exit code of a daemon whose own loop hangs (sysexits.h: internal software error)."""

PAUSE = 0.2
"""Seconds between two looks at whether a signal came."""

FAREWELL = timedelta(seconds=3)
"""How long a daemon that leaves waits for its databases to hear that, and for alerts that are being sent."""


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
        self._turns = {system.name: Turns(self.state, system) for system in systems}
        self._told = dark.Told()

    def run(self, *, until_idle: bool = False) -> int:
        """Work until a signal comes, or until nothing is left to do; return the exit code.

        With `until_idle`: 1 when a run failed, else 9 when one could not verify. Raise LifecycleError, after
        everything else is done, when a system could not be served.
        """
        self._hear_signals()
        server = None if until_idle else self._serve()
        log.info("daemon started", systems=[system.name for system in self.state.systems])
        claiming = Claiming(self.state, self.settings.daemon.workers)
        unserved: dict[str, LifecycleError] = {}
        try:
            if until_idle:
                unserved = idle.serve_all(
                    self.state, claiming, self._turns, lambda: self._asked > 0
                )
                self._tell_unwritten()
            else:
                self._for_ever()
        finally:
            self._drain(claiming)
            if server is not None:
                server.shutdown()
        if unserved:
            raise idle.summary(unserved, len(self.state.systems))
        codes = {code for code in self.state.ended.values() if code} if until_idle else set[int]()
        return 0 if not codes else Unproven.exit_code if codes == {Unproven.exit_code} else 1

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
        while not self._asked:
            time.sleep(PAUSE)
            self._supervise(alarm)
        notify("STOPPING=1")
        alarm.stop()

    def _alarm(self) -> Alarm:
        state, alarm = self.state, Alarm()
        every, now = self.settings.daemon.tick.at_least(), clock.now()
        alarm.every("pulse", every, now, self._pulse)
        for system in state.systems:
            turns = self._turns[system.name]
            alarm.every(f"tick {system.name}", every, now, turns.tick)
            # A moment later: what a dark system is spared, one that was not looked at yet must not miss.
            alarm.every(f"tell {system.name}", every, now + every / 4, turns.tell)
            if system.name in self.settings.pings.systems:
                alarm.every(f"ping {system.name}", every, now + every / 4, turns.ping)
            if state.schedules:
                alarm.every(f"gather {system.name}", every, now + every / 4, turns.gather)
                alarm.every(f"fence {system.name}", every, now + every / 4, turns.fence)
                for job in state.jobs[system.name]:
                    name = f"slot {system.name} {job.name}"
                    alarm.at_slots(name, job.cron, system.policy.timezone, turns.tick)
        alarm.every("ping", every, now + every / 4, self._ping)
        alarm.every("dark", every, now + every, lambda: dark.raise_alarm(state, self._told))
        alarm.every("unwritten", dark.GAP * every, now + every, self._tell_unwritten)
        return alarm

    def _pulse(self) -> None:
        self.state.pulse = clock.monotonic()

    def _tell_unwritten(self) -> None:
        unwritten.tell(self.settings.alerts, stop=self.state.stop)

    def _ping(self) -> None:
        """Say outside that this daemon lives, unless a system is dark that has no switch of its own to say so."""
        own = self.settings.pings.systems
        if all(name in own for name, _ in self.state.dark_systems(clock.now())):
            ping.daemon(self.settings)

    def _supervise(self, alarm: Alarm) -> None:
        """Ring for what a step of the clock holds back; end a process whose alarm clock does not ring at all."""
        age = clock.monotonic() - self.state.pulse
        if age > self.state.tick_limit.total_seconds():
            log.error("the alarm clock is stuck; leaving, to be started again", seconds=round(age))
            os._exit(STUCK)
        if age > 2 * self.settings.daemon.tick.at_least().total_seconds():
            # In a thread: it waits for the alarm clock, which may be what is stuck.
            threading.Thread(target=alarm.ring_all_now, args=(clock.now(),), daemon=True).start()
        notify("WATCHDOG=1")

    # --- leaving

    def _drain(self, claiming: Claiming) -> None:
        state, asked = self.state, self._asked
        state.stop.set()
        log.info("daemon leaves", running=len(state.children))
        end = clock.monotonic() + self.settings.daemon.drain.at_least().total_seconds()
        while _at_work(state, claiming) and clock.monotonic() < end and self._asked <= asked:
            time.sleep(PAUSE)
        state.hurry.set()
        end = clock.monotonic() + 2 * worker.GRACE.total_seconds()
        while _at_work(state, claiming) and clock.monotonic() < end:
            time.sleep(PAUSE)
        self._take_leave()

    def _take_leave(self) -> None:
        """Let every database know that this daemon is gone, and let alerts that are being sent be written down."""
        end = clock.monotonic() + FAREWELL.total_seconds()
        well = [s for s in self.state.systems if self.state.dark(s.name, clock.now()) is None]
        threads = [
            threading.Thread(target=_stopped, args=(s, self.state.id), daemon=True) for s in well
        ]
        for thread in threads:
            thread.start()
        for turns in self._turns.values():
            turns.told(end - clock.monotonic())
        for thread in threads:
            thread.join(max(0, end - clock.monotonic()))
        self._tell_unwritten()


def _at_work(state: DaemonState, claiming: Claiming) -> bool:
    for bell in state.work.values():
        bell.set()  # for those who wait
    return claiming.at_work()


def _stopped(system: System, daemon: str) -> None:
    with (
        contextlib.suppress(psycopg.Error, LifecycleError),
        contextlib.closing(system.connect("leave", patience=FAREWELL)) as conn,
    ):
        daemons.stopped(conn, daemon)
