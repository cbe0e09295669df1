"""One look at one system's ledger: whose clock is right, what is due, who went silent, what waits.

Done every few seconds by every daemon and worker. Never does a job's work and never waits long.
"""

import contextlib
from datetime import UTC, datetime, timedelta

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock, unexpected
from lifecycle.ledger import alerts, daemons, months, runs
from lifecycle.ledger.runs import Waiting
from lifecycle.logger import get_logger
from lifecycle.postgres.patient import PATIENCE
from lifecycle.schedule import cover, reclaim
from lifecycle.schedule.state import DaemonState
from lifecycle.system import System

log = get_logger("lifecycle.schedule")

WARN = timedelta(seconds=5)
REFUSE = timedelta(seconds=60)
"""How far this machine's clock may be from the database's, which judges what is due, before it plans nothing."""

REMINDER = timedelta(hours=1)


def look(state: DaemonState, system: System, *, plan: bool) -> Waiting | None:
    """Tick, and note whether the system can be worked with. None when it cannot, or was found dark just now.

    Whatever goes wrong stays with this system: its breaker remembers it, and nothing is raised.
    """
    breaker = state.breakers[system.name]
    if not breaker.allows(clock.monotonic()):
        return None
    try:
        waiting = tick(state, system, plan=plan)
    except Exception as error:  # noqa: BLE001 - one system's trouble must not end another's turn
        why = unexpected.explain(error)
        breaker.open(why, clock.now(), clock.monotonic())
        log.warning("no tick", system=system.name, error=why.what, hint=why.hint)
        return None
    if ended := breaker.close(clock.now(), clock.monotonic()):
        gone = round((clock.now() - ended.since).total_seconds())
        log.info("system is back", system=system.name, seconds=gone)
    return waiting


def tick(state: DaemonState, system: System, *, plan: bool) -> Waiting:
    """Bring the ledger up to date and return what waits; wakes the workers when something does.

    With `plan`, slots that have come become runs. It writes at every tick (`seen`), so that a database which can
    only be read is found out. Raise psycopg.Error or LifecycleError when the database cannot be worked with.
    """
    jobs = state.jobs[system.name]
    with contextlib.closing(system.connect("tick", patience=PATIENCE)) as conn:
        daemons.keep_short(conn)
        now, skew = _compare(conn)
        state.skew[system.name] = skew.total_seconds()
        months.make_ahead(conn)
        daemons.seen(conn, state.id, system.policy_digest, schedules=plan)
        if _right(conn, system, skew) and plan:
            cover.cover(conn, system, jobs, now)
        reclaim.reclaim(conn, system, jobs)
        reclaim.expire(conn, system, jobs)
        waiting = runs.waiting(conn, system.name, [job.name for job in jobs])
    if waiting.ready:
        state.work[system.name].set()
    return waiting


def _compare(conn: Connection[TupleRow]) -> tuple[datetime, timedelta]:
    """Return the database's time, and how far this machine's is ahead of it."""
    asked = clock.now()
    theirs = daemons.time(conn).astimezone(UTC)
    answered = clock.now()
    return theirs, asked + (answered - asked) / 2 - theirs


def _right(conn: Connection[TupleRow], system: System, skew: timedelta) -> bool:
    """Say whether this machine is fit to plan slots; tell somebody when its clock is off."""
    if abs(skew) <= WARN:
        return True
    right = abs(skew) <= REFUSE
    what = "warns" if right else "schedules nothing"
    message = (
        f"a daemon's clock is {skew.total_seconds():+.0f} s off the database's: it {what}. "
        "Set both machines by NTP."
    )
    if alerts.write_unless_recent(conn, system.name, None, "clock", message, REMINDER):
        log.warning("clock skew", system=system.name, seconds=round(skew.total_seconds(), 1))
    return right
