"""Claims runs while there is a place for them: a thread per system, and one per run that waits for its process.

A system that hangs holds up its own thread, nobody else's, and takes no place. Never decides what is due.
"""

import contextlib
import threading
from collections.abc import Callable

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock, unexpected
from lifecycle.job import Job
from lifecycle.ledger import claims, daemons
from lifecycle.ledger.claims import Claim
from lifecycle.logger import get_logger
from lifecycle.postgres.patient import PATIENCE
from lifecycle.running import worker
from lifecycle.running.places import Places
from lifecycle.schedule.state import DaemonState
from lifecycle.system import System

log = get_logger("lifecycle.worker")


class Claiming:
    """Claims and attends runs from now on, `count` at the same time, until `state.stop` is set."""

    def __init__(self, state: DaemonState, count: int) -> None:
        self._state = state
        self._places = Places(state, count)
        self._attending: set[threading.Thread] = set()
        self._claiming = [_thread(self._claim, system) for system in state.systems]
        for thread in self._claiming:
            thread.start()

    def at_work(self) -> bool:
        """Say whether a run is attended, or may just be claimed."""
        return bool(self._attending) or any(thread.is_alive() for thread in self._claiming)

    def attends(self, system: str) -> bool:
        """Say whether a run of this system is attended."""
        return any(thread.name == system for thread in tuple(self._attending))

    def _claim(self, system: System) -> None:
        bell = self._state.work[system.name]
        while not self._state.stop.is_set():
            bell.wait()
            bell.clear()
            try:
                while not self._state.stop.is_set() and self._next(system):
                    pass
            except Exception as error:  # noqa: BLE001 - a thread that ended here would be a silence
                log.warning("cannot work", system=system.name, error=unexpected.explain(error).what)

    def _next(self, system: System) -> bool:
        """Claim the next run of this system and have it attended; return whether that was done."""
        if self._state.dark(system.name, clock.now()) or not self._places.free(system.name):
            return False
        offered = {job.name: job for job in self._state.jobs[system.name]}
        place = object()
        try:
            with contextlib.closing(system.connect("claim", patience=PATIENCE)) as conn:
                daemons.keep_short(conn)
                claim = self._claim_next(conn, system, list(offered), place)
            if claim is not None:
                job = offered[claim.job]
                thread = _thread(lambda system: self._attend(system, claim, job, place), system)
                self._attending.add(thread)
                thread.start()
        except BaseException:
            self._places.give_back(place)
            raise
        return claim is not None

    def _claim_next(
        self, conn: Connection[TupleRow], system: System, offered: list[str], place: object
    ) -> Claim | None:
        """Claim a run and take its place between the claim and COMMIT: who waits for a database holds none."""
        with conn.transaction():
            claim = claims.claim_next(
                conn, system.name, self._state.id, offered, lease=system.machine.daemon.stale
            )
            if claim is not None and not self._places.take(place, system.name):
                claim = None
                raise psycopg.Rollback
        return claim

    def _attend(self, system: System, claim: Claim, job: Job, place: object) -> None:
        try:
            worker.attend(
                self._state, system, claim, job, over=lambda: self._places.give_back(place)
            )
        except Exception as error:  # noqa: BLE001 - see above
            log.warning("cannot work", system=system.name, error=unexpected.explain(error).what)
        finally:
            self._places.give_back(place)
            self._attending.discard(threading.current_thread())
            self._state.work[system.name].set()  # the job's next run waited for this one


def _thread(work: Callable[[System], None], system: System) -> threading.Thread:
    return threading.Thread(target=work, args=(system,), name=system.name, daemon=True)
