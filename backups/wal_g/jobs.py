"""What the daemon schedules for this folder. A policy that promises nothing of WAL-G gets neither job."""

from backups.section import SECTION
from lifecycle.job import Job
from lifecycle.policy.model import Policy


def jobs(policy: Policy) -> tuple[Job, ...]:
    """Return the daily restore point, and the weekly drill that comes back to it."""
    if SECTION.of(policy).wal_g is None:
        return ()
    from backups.wal_g import copy, drill, point

    return (
        Job(
            point.JOB,
            "a place in the log to come back to, with what every table held there",
            "30 5 * * *",
            point.carry_out,
            limit=point.LIMIT,
        ),
        Job(
            drill.JOB,
            "a server that comes up has proven nothing: come back to the point, and compare every table",
            "0 7 * * 0",
            drill.carry_out,
            limit=copy.LIMIT,
        ),
    )
