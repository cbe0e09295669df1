"""What the daemon schedules: the partitions of the coming periods, made every night."""

from lifecycle.job import Job
from lifecycle.partitions.promise import PROMISE
from lifecycle.partitions.section import SECTION
from lifecycle.policy.model import Policy


def jobs(policy: Policy) -> tuple[Job, ...]:
    """Return this room's jobs; none where the policy names no partitions."""
    if not SECTION.of(policy):
        return ()
    why = "a row whose partition does not exist is refused, and the application with it"
    return (Job(PROMISE.job, why, "0 1 * * *", PROMISE),)
