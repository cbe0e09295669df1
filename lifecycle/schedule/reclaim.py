"""Takes runs over whose process is gone, and gives up those that waited too long in the queue."""

from collections.abc import Sequence
from datetime import timedelta

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.job import Job
from lifecycle.ledger import alerts, runs
from lifecycle.logger import get_logger
from lifecycle.system import System
from lifecycle.words import counted

log = get_logger("lifecycle.schedule")

GRACE = timedelta(seconds=60)
"""How far beyond its deadline a run may go before any daemon ends it: its own process and whoever started it
have half of that to do so first."""


def reclaim(
    conn: Connection[TupleRow], system: System, jobs: Sequence[Job], *, only: str | None = None
) -> None:
    """Queue runs again that went silent, where that is safe; the others are lost, with an alert each.

    Those of the job `only`, if one is named.
    """
    retry_safe = [job.name for job in jobs if job.retry_safe]
    with conn.transaction():
        taken = runs.reclaim(
            conn,
            system.name,
            retry_safe,
            grace=GRACE,
            only=only,
        )
        for run in taken:
            if run.state == "lost":
                message = (
                    f"{run.job} for {run.scheduled_for:%Y-%m-%d %H:%M} UTC is lost: {run.summary}"
                )
                alerts.write(conn, system.name, "lost", message, job=run.job, run_id=run.id)
    for run in taken:
        log.warning("run reclaimed", system=system.name, job=run.job, run=run.id, state=run.state)


def expire(conn: Connection[TupleRow], system: System, jobs: Sequence[Job]) -> None:
    """Mark runs as missed that waited beyond their job's greatest lateness, with one alert per job."""
    with conn.transaction():
        expired = runs.expire(conn, system.name, {job.name: job.max_lateness for job in jobs})
        for job, count in expired.items():
            message = f"{job}: {counted(count, 'waiting run')} given up as too late"
            alerts.write(conn, system.name, "missed", message, job=job)
