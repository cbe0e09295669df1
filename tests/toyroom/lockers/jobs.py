"""What the daemon schedules."""

from lockers.promise import PROMISE
from lockers.section import SECTION

from lifecycle.job import Job
from lifecycle.policy.model import Policy


def jobs(policy: Policy) -> tuple[Job, ...]:
    """Return the nightly round."""
    if SECTION.of(policy) is None:
        return ()
    return (Job(PROMISE.job, "nobody keeps a locker for ever", "0 5 * * *", PROMISE),)
