"""Puts due slots on the ledger: one transaction per job, under the lock of its schedule.

Any number of daemons may do this at once: they take turns at the lock, and who comes second finds nothing due.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.job import Job
from lifecycle.ledger import alerts, schedules
from lifecycle.schedule import slots
from lifecycle.system import System
from lifecycle.words import counted

log = structlog.get_logger("lifecycle.schedule")

AHEAD = timedelta(minutes=5)
"""A schedule covered further into the future than this was covered by a clock that was wrong: two daemons whose
clocks pass as right are two minutes apart at most."""

REMINDER = timedelta(days=1)


def cover(conn: Connection[TupleRow], system: System, jobs: Sequence[Job], now: datetime) -> int:
    """Turn every slot up to `now` into a run, queued or missed; return how many were queued."""
    return sum(_cover(conn, system, job, now) for job in jobs)


def report_removed(conn: Connection[TupleRow], system: System, jobs: Sequence[Job]) -> None:
    """Raise an alert for each job that has runs waiting and that no room offers any more."""
    for name, count in schedules.not_offered(conn, system.name, [job.name for job in jobs]):
        message = (
            f"{name} is no longer offered, and {count} of its runs wait. "
            "Put it back into the policy, or cancel them with `lifecycle runs cancel`."
        )
        if alerts.write_unless_recent(conn, system.name, name, "removed", message, REMINDER):
            log.warning("removed job has runs waiting", system=system.name, job=name, count=count)


def _cover(conn: Connection[TupleRow], system: System, job: Job, now: datetime) -> int:
    with conn.transaction():
        known = schedules.lock(conn, system.name, job.name)
        if known is None:
            schedules.register(conn, system.name, job.name, job.cron, now)
            log.info("new schedule", system=system.name, job=job.name)
            return 0
        if known.cron != job.cron:
            log.info("schedule changed", system=system.name, job=job.name)
        if known.covered_until > now + AHEAD:
            _report_future(conn, system, job, known.covered_until)
        due = slots.decide(job, system.policy.timezone, known.covered_until, now, known.paused)
        added = (
            schedules.add(
                conn, system.name, job.name, [(s.at, s.state, s.reason, s.stands_for) for s in due]
            )
            if due
            else ()
        )
        if known.paused is None:
            _report_missed(conn, system, job, added)
        schedules.cover(conn, system.name, job.name, job.cron, now)
    return sum(slot.state == "queued" for slot in added)


def _report_missed(
    conn: Connection[TupleRow], system: System, job: Job, added: Sequence[schedules.Added]
) -> None:
    missed = [slot for slot in added if slot.state == "missed"]
    if not missed:
        return
    count = sum(slot.stands_for for slot in missed)
    first, last = min(slot.at for slot in missed), max(slot.at for slot in missed)
    message = (
        f"{job.name}: {counted(count, 'slot')} not run, "
        f"from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC"
    )
    alerts.write(conn, system.name, "missed", message, job=job.name)
    log.warning("slots missed", system=system.name, job=job.name, missed=count)


def _report_future(
    conn: Connection[TupleRow], system: System, job: Job, covered_until: datetime
) -> None:
    message = (
        f"{job.name} is covered until {covered_until:%Y-%m-%d %H:%M} UTC, as a clock once stood there; "
        f"nothing is due before. Check the clock, then run `lifecycle schedule resume {job.name}`."
    )
    alerts.write_unless_recent(conn, system.name, job.name, "clock", message, REMINDER)
