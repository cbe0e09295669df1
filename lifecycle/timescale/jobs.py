"""What the daemon schedules: old chunks compressed every night."""

from datetime import timedelta

from lifecycle.job import Job
from lifecycle.policy.model import Policy
from lifecycle.timescale.promise import PROMISE
from lifecycle.timescale.section import SECTION


def jobs(policy: Policy) -> tuple[Job, ...]:
    """Return this room's job; none where the policy has no hypertable."""
    if not SECTION.of(policy):
        return ()
    why = (
        "a chunk that should be compressed and is not costs ten times its disk, and nobody is told"
    )
    return (Job(PROMISE.job, why, "30 3 * * *", PROMISE, limit=timedelta(hours=4)),)
