"""What the daemon schedules: every day a part of everything archived is read again."""

from datetime import timedelta

from lifecycle.job import Job
from lifecycle.policy.model import Policy
from retention.archive.section import SECTION


def jobs(policy: Policy) -> tuple[Job, ...]:
    """Return this folder's job; none where nothing is archived."""
    archives = SECTION.of(policy)
    if archives.bucket is None and not archives.digests:
        return ()
    from retention.archive import check

    why = "an archive that nobody reads is a hope: its bytes are held against its SHA-256"
    return (Job(check.JOB, why, "30 4 * * *", check.carry_out, limit=timedelta(hours=4)),)
