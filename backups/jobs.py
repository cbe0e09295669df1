"""What the daemon schedules for this room. A policy without dumps gets neither job."""

from backups.section import SECTION
from lifecycle.job import Job
from lifecycle.policy.model import Policy


def jobs(policy: Policy) -> tuple[Job, ...]:
    """Return the nightly dump, the drill that proves it, four hours later, and between them what is kept of dumps."""
    dumps = SECTION.of(policy).dumps
    if dumps is None:
        return ()
    from backups import drill, dump, restore
    from backups.promise import PROMISE

    ends = dumps.keep or dumps.weekly or dumps.monthly
    keep = Job(
        PROMISE.job,
        "a week's and a month's dump are kept longer than a day's, and none longer than promised",
        "0 4 * * *",
        PROMISE,
    )
    return (
        Job(
            "backups.dump",
            "a copy of the whole database outside the database, with the counts to prove it by",
            "0 2 * * *",
            dump.carry_out,
            limit=dump.LIMIT,
            spreads=True,
        ),
        *((keep,) if ends else ()),
        Job(
            "backups.drill",
            "a dump that was never restored is a hope: restore the newest and compare every table",
            "0 6 * * *",
            drill.carry_out,
            limit=restore.LIMIT,
        ),
    )
