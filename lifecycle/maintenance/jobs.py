"""What the daemon schedules: views made anew every hour, and statistics every night."""

from collections.abc import Iterator
from datetime import timedelta

from lifecycle.job import Job
from lifecycle.maintenance import analyze
from lifecycle.maintenance.promise import PROMISE
from lifecycle.maintenance.section import SECTION
from lifecycle.policy.model import Policy


def jobs(policy: Policy) -> tuple[Job, ...]:
    """Return this room's jobs; none of what the policy does not name."""
    return tuple(_jobs(policy))


def _jobs(policy: Policy) -> Iterator[Job]:
    kept = SECTION.of(policy)
    if kept.views:
        why = "a materialized view shows what was, until somebody refreshes it: people who are gone, too"
        yield Job(PROMISE.job, why, "0 * * * *", PROMISE)
    if kept.statistics:
        why = "a plan made of old statistics is slow when it is needed"
        yield Job(analyze.JOB, why, "0 3 * * *", analyze.carry_out, limit=timedelta(hours=4))
