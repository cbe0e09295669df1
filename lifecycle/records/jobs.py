"""What the daemon schedules: every week the months over age leave the ledger. For every policy: each has a ledger."""

from datetime import timedelta

from lifecycle.job import Job
from lifecycle.policy.model import Policy
from lifecycle.records.promise import PROMISE


def jobs(policy: Policy) -> tuple[Job, ...]:  # noqa: ARG001 - every room is asked in the same way
    """Return this room's job."""
    why = "a ledger that only grows slows everything down that asks it, and its age is promised"
    return (Job(PROMISE.job, why, "0 5 * * 0", PROMISE, limit=timedelta(hours=4)),)
