"""What the daemon schedules: every night, whoever's grace has ended is erased, and it is proven."""

from gdpr.promise import PROMISE
from gdpr.section import SECTION
from lifecycle.job import Job
from lifecycle.policy.model import Policy


def jobs(policy: Policy) -> tuple[Job, ...]:
    """Return this room's jobs; none where the policy has no `erasure:`."""
    if SECTION.of(policy) is None:
        return ()
    why = "a person who asked to be forgotten is gone when their grace has ended, and it is proven"
    return (Job(PROMISE.job, why, "15 4 * * *", PROMISE, spreads=True),)
