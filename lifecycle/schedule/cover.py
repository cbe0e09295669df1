"""Puts due slots on the ledger: one transaction per job, under the lock of its schedule.

Any number of daemons may do this at once: they take turns at the lock, and who comes second finds nothing due.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import __version__
from lifecycle.job import Job
from lifecycle.ledger import alerts, generations, schedules
from lifecycle.ledger.generations import Timetable
from lifecycle.logger import get_logger
from lifecycle.schedule import slots
from lifecycle.settings.model import TICK_LIMIT
from lifecycle.system import System
from lifecycle.words import counted

log = get_logger("lifecycle.schedule")

AHEAD = timedelta(minutes=5)
"""A schedule covered further into the future than this was covered when the database's clock was wrong."""

REMINDER = timedelta(days=1)


def cover(conn: Connection[TupleRow], system: System, jobs: Sequence[Job], now: datetime) -> int:
    """Turn every slot up to `now`, by the database's clock, into a run, queued or missed; return how many were queued.

    `jobs` are all that this daemon offers. Does nothing while a daemon lives that works by a newer policy or release.
    """
    if not _holds(conn, system, jobs, now):
        return 0
    queued = sum(cover_job(conn, system, job, now) for job in jobs)
    _report_removed(conn, system, jobs)
    return queued


def cover_job(conn: Connection[TupleRow], system: System, job: Job, now: datetime) -> int:
    """Turn every slot of one job up to `now` into a run; return how many were queued.

    A schedule that was changed has a past: slots up to now are those of the one it had.
    """
    zone = system.policy.timezone
    with conn.transaction():
        known = schedules.lock(conn, system.name, job.name)
        if known is None:
            schedules.register(conn, system.name, job.name, job.cron, zone, now)
            log.info("new schedule", system=system.name, job=job.name)
            return 0
        if (known.cron, known.timezone) != (job.cron, zone):
            log.info("schedule changed", system=system.name, job=job.name)
        if known.covered_until > now + AHEAD:
            _report_future(conn, system, job, known.covered_until)
        former = job.at(known.cron)
        due = slots.decide(former, known.timezone, known.covered_until, now, known.paused)
        added = _put_down(conn, system, job.name, known, due)
        schedules.cover(conn, system.name, job.name, job.cron, zone, now)
    return sum(slot.state == "queued" for slot in added)


def _put_down(
    conn: Connection[TupleRow],
    system: System,
    job: str,
    known: schedules.Schedule,
    due: Sequence[slots.Slot],
) -> Sequence[schedules.Added]:
    """Put slots on the ledger, and tell of those that nobody runs; return those that were not there."""
    rows = [(slot.at, slot.state, slot.reason, slot.stands_for) for slot in due]
    added = schedules.add(conn, system.name, job, rows) if rows else ()
    if known.paused is None:
        _report_missed(conn, system, job, added)
    return added


def _holds(conn: Connection[TupleRow], system: System, jobs: Sequence[Job], now: datetime) -> bool:
    """Say whether our timetable is the one that holds; tell once, for each newer one, that we stand down."""
    ours = Timetable(
        system.policy_digest,
        __version__,
        system.policy.timezone,
        {job.name: job.cron for job in jobs},
    )
    lives = max(TICK_LIMIT, 4 * system.machine.daemon.tick.at_least())
    with conn.transaction():
        standing = generations.hold(conn, system.name, ours, now, lives)
        if standing.newer is None:
            if standing.former is not None:
                _close(conn, system, standing.former, jobs, now)
                _begin_anew(conn, system, standing.former, jobs, now)
            return True
    message = (
        f"a daemon with policy {ours.policy[:12]} (release {ours.version}) plans nothing any more: "
        f"policy {standing.newer.policy[:12]} (release {standing.newer.version}) is newer, and a daemon works by it. "
        "Stop the older daemon, or give it the newer policy."
    )
    if alerts.write_unless_recent(
        conn, system.name, None, "superseded", message, standing.newer_for
    ):
        log.warning("schedule superseded", system=system.name, policy=standing.newer.policy)
    return False


def _close(
    conn: Connection[TupleRow],
    system: System,
    former: Timetable,
    jobs: Sequence[Job],
    now: datetime,
) -> None:
    """Record what fell due of a job between the last look and the policy that takes it out: nobody will run it."""
    offered = {job.name for job in jobs}
    for name in former.jobs:
        if name in offered or (known := schedules.lock(conn, system.name, name)) is None:
            continue
        zone, covered = known.timezone, known.covered_until
        due = slots.taken_out(known.cron, zone, covered, now, known.paused)
        _put_down(conn, system, name, known, due)
        schedules.cover(conn, system.name, name, known.cron, zone, now)


def _begin_anew(
    conn: Connection[TupleRow],
    system: System,
    former: Timetable,
    jobs: Sequence[Job],
    now: datetime,
) -> None:
    """A job that comes back has no past: while it was not offered, nothing was due."""
    log.info("schedule of a new policy or release", system=system.name, policy=system.policy_digest)
    for job in jobs:
        if job.name not in former.jobs:
            schedules.cover(conn, system.name, job.name, job.cron, system.policy.timezone, now)


def _report_removed(conn: Connection[TupleRow], system: System, jobs: Sequence[Job]) -> None:
    """Raise an alert for each job that has runs waiting and that no room offers any more."""
    for name, count in schedules.not_offered(conn, system.name, [job.name for job in jobs]):
        message = (
            f"{name} is no longer offered, and {count} of its runs wait. "
            "Put it back into the policy, or cancel them with `lifecycle runs cancel`."
        )
        if alerts.write_unless_recent(conn, system.name, name, "removed", message, REMINDER):
            log.warning("removed job has runs waiting", system=system.name, job=name, count=count)


def _report_missed(
    conn: Connection[TupleRow], system: System, job: str, added: Sequence[schedules.Added]
) -> None:
    missed = [slot for slot in added if slot.state == "missed"]
    if not missed:
        return
    count = sum(slot.stands_for for slot in missed)
    first, last = min(slot.at for slot in missed), max(slot.at for slot in missed)
    message = (
        f"{job}: {counted(count, 'slot')} not run, "
        f"from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC"
    )
    alerts.write(conn, system.name, "missed", message, job=job)
    log.warning("slots missed", system=system.name, job=job, missed=count)


def _report_future(
    conn: Connection[TupleRow], system: System, job: Job, covered_until: datetime
) -> None:
    message = (
        f"{job.name} is covered until {covered_until:%Y-%m-%d %H:%M} UTC, as a clock once stood there; "
        f"nothing is due before. Check the clock, then run `lifecycle schedule resume {job.name}`."
    )
    alerts.write_unless_recent(conn, system.name, job.name, "clock", message, REMINDER)
