"""What the daemon schedules: every night what is overdue goes."""

from datetime import timedelta

from lifecycle.job import Job
from lifecycle.policy.model import Policy
from retention.promise import PROMISE
from retention.section import SECTION


def jobs(policy: Policy) -> tuple[Job, ...]:
    """Return this room's jobs; none where the policy has no rule."""
    if not SECTION.of(policy):
        return ()
    why = "what is kept longer than promised is a broken promise, and more to lose"
    archives = any(rule.archive for rule in SECTION.of(policy))
    limit = timedelta(hours=4 if archives else 1)  # what is archived is read four times
    return (Job(PROMISE.job, why, "30 2 * * *", PROMISE, limit=limit, spreads=True),)
