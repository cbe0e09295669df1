"""One look at one system's ledger: whose clock is right, what is due, who went silent, what waits.

Done every few seconds by every daemon and worker. Never does a job's work and never waits long.
"""

import contextlib
from datetime import UTC, datetime, timedelta

import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock
from lifecycle.ledger import alerts, daemons, runs
from lifecycle.ledger.runs import Waiting
from lifecycle.schedule import cover, reclaim
from lifecycle.schedule.state import DaemonState
from lifecycle.system import System

log = structlog.get_logger("lifecycle.schedule")

WARN = timedelta(seconds=5)
REFUSE = timedelta(seconds=60)
"""How far this machine's clock may be from the database's before slots are not judged by it."""

REMINDER = timedelta(hours=1)


def tick(state: DaemonState, system: System) -> Waiting:
    """Bring the ledger up to date and return what waits. Wakes the workers when something does.

    Raise psycopg.Error or LifecycleError when the database cannot be worked with.
    """
    jobs = state.jobs[system.name]
    with contextlib.closing(system.connect("tick")) as conn:
        daemons.keep_short(conn)
        now, skew = _compare(conn)
        state.skew[system.name] = skew.total_seconds()
        daemons.seen(conn, state.id, system.policy_digest)
        if _right(conn, system, skew) and state.schedules:
            cover.cover(conn, system, jobs, now)
            cover.report_removed(conn, system, jobs)
        reclaim.reclaim(conn, system, jobs)
        reclaim.expire(conn, system, jobs)
        waiting = runs.waiting(conn, system.name, [job.name for job in jobs])
    state.reached[system.name] = now
    if waiting.ready:
        state.work.set()
    return waiting


def _compare(conn: Connection[TupleRow]) -> tuple[datetime, timedelta]:
    """Return this machine's time, and how far it is ahead of the database's."""
    asked = clock.now()
    theirs = daemons.time(conn).astimezone(UTC)
    answered = clock.now()
    return answered, asked + (answered - asked) / 2 - theirs


def _right(conn: Connection[TupleRow], system: System, skew: timedelta) -> bool:
    """Say whether slots may be judged by this machine's clock; tell somebody when it is off."""
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
