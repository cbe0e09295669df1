"""What the daemon schedules for this folder. A policy that promises nothing of WAL-G gets no job."""

from collections.abc import Iterator
from datetime import timedelta

from backups.section import SECTION
from backups.wal_g.words import WalG
from lifecycle.job import Job
from lifecycle.policy.model import Policy


def jobs(policy: Policy) -> Iterator[Job]:
    """Yield the base backup, its end, the restore point, the drill back to it, and the watch, as the policy asks."""
    promised = SECTION.of(policy).wal_g
    if promised is None:
        return
    from backups.wal_g import copy, drill, point, recover_kept
    from backups.wal_g.watch import survey, watch

    yield from _taken(promised)
    yield Job(
        point.JOB,
        "a place in the log to come back to, with what every table held there",
        "30 5 * * *",
        point.carry_out,
        limit=point.LIMIT,
    )
    yield Job(
        drill.JOB,
        "a server that comes up has proven nothing: come back to the point, and compare every table",
        "0 7 * * 0",
        drill.carry_out,
        limit=copy.LIMIT,
    )
    yield Job(
        recover_kept.JOB,
        "the newest point is not all that is promised: the oldest, one at random and a delta are drilled in turn",
        "0 7 * * 3",
        recover_kept.carry_out,
        limit=copy.LIMIT,
    )
    yield Job(
        survey.JOB,
        "a gap in the archive is mended while the server still has the segment, and not after",
        "*/5 * * * *",
        watch.carry_out,
        limit=timedelta(minutes=4),
    )


def _taken(promised: WalG) -> Iterator[Job]:
    """Yield the base backup and its end, where the policy asks the service for them."""
    from backups.wal_g import push
    from backups.wal_g.ends.promise import PROMISE

    if promised.push:
        yield Job(
            push.JOB,
            "a base backup is what all coming back begins with, and each day of log since costs time",
            "30 0 * * *",
            push.PROMISE,
            limit=push.LIMIT,
            spreads=True,
        )
    if promised.keep is not None:
        yield Job(
            PROMISE.job,
            "what no time that is kept needs any more ends, and everything else stays",
            "0 8 * * *",
            PROMISE,
            limit=timedelta(hours=4),
        )
