"""Gaps in the archive that somebody knows of: on whose word, why and until when. They are named, and fail nothing.

A gap is known by the names of its segments, so that one more that is missing is another gap. Nobody says so for ever:
on its day the word ends, and the gap fails again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.errors import CheckViolation
from psycopg.rows import TupleRow

from backups.wal_g.intervals import Gap
from backups.wal_g.log import Segment, segment
from backups.wal_g.watch import statements
from lifecycle.coverage import Judgement, Looks, Place
from lifecycle.errors import InputError
from lifecycle.job import Job
from lifecycle.ledger import evidence
from lifecycle.promise import Task
from lifecycle.words import counted, moment

JOB = "backups.ack_gap"
SAID = "backups.gap_known"


@dataclass(frozen=True, slots=True)
class Known:
    """The segments of a gap, the first and the last, and who said of it what, until when."""

    first: str
    last: str
    because: str
    said_by: str
    until: datetime

    def covers(self, one: Segment, size: int) -> bool:
        """Say whether this segment is one of them."""
        first, last = segment(self.first, size), segment(self.last, size)
        within = first.number <= one.number <= last.number
        return within and first.timeline <= one.timeline <= last.timeline

    def __str__(self) -> str:
        return f"{self.first} to {self.last}, known to {self.said_by} until {moment(self.until)}"


def standing(conn: Connection[TupleRow]) -> tuple[Known, ...]:
    """Return what is known now, by the database's clock."""
    return tuple(Known(*row) for row in conn.execute(statements.KNOWN).fetchall())


def unknown(gaps: Iterable[Gap], those: Sequence[Known], size: int) -> list[Gap]:
    """Return those of these gaps of which nobody knows as a whole."""
    return [
        gap
        for gap in gaps
        if not any(one.covers(gap.first, size) and one.covers(gap.last, size) for one in those)
    ]


def saying(gap: Gap, size: int, because: str, said_by: str, until: datetime) -> Job:
    """Return what writes down that this gap is known: a run like every other, with its line of evidence."""
    said = {"first": gap.first.name(size), "last": gap.last.name(size), "until": until}
    said |= {"because": because, "said_by": said_by}

    def say(task: Task) -> Judgement:
        looks, place = Looks(), Place("gap", gap.first.name(size))
        try:
            with looks.at(place), task.system.connect(JOB) as conn:
                conn.execute(statements.SAY_KNOWN, said | {"run": task.claim.id})
                counts = {"segments": gap.many, "until": round(until.timestamp())}
                evidence.record(conn, task.claim, "effect", SAID, place.name, counts=counts)
        except CheckViolation:
            raise InputError(
                "a gap is known until a day that is still to come, to somebody, for a reason",
                hint="Write `--until` with a later day, `--by` and `--because`.",
            ) from None
        summary = f"{counted(gap.many, 'segment')} from {place.name} on: the gap is known until {moment(until)}"
        return Judgement(looks.cover({place}), summary, counts)

    return Job(JOB, "a gap that somebody knows of hides no other", "0 0 1 1 *", say)
