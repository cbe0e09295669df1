"""What the daemon schedules for this room: nothing. A runbook is begun by a person."""

from lifecycle.job import Job
from lifecycle.policy.model import Policy


def jobs(policy: Policy) -> tuple[Job, ...]:  # noqa: ARG001 - every room is asked in the same way
    """Return no job."""
    return ()
