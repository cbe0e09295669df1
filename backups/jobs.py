"""What the daemon schedules for this room. A policy without dumps gets neither job."""

from backups.section import SECTION
from lifecycle.job import Job
from lifecycle.policy.model import Policy


def jobs(policy: Policy) -> tuple[Job, ...]:
    """Return the nightly dump and the drill that proves it, four hours later."""
    if SECTION.of(policy).dumps is None:
        return ()
    from backups import drill, dump, restore

    return (
        Job(
            "backups.dump",
            "a copy of the whole database outside the database, with the counts to prove it by",
            "0 2 * * *",
            dump.carry_out,
            limit=dump.LIMIT,
        ),
        Job(
            "backups.drill",
            "a dump that was never restored is a hope: restore the newest and compare every table",
            "0 6 * * *",
            drill.carry_out,
            limit=restore.LIMIT,
        ),
    )
