"""What a report reads of the ledger: the runs, attempts and lines of evidence of a period. Decides nothing.

Each by an index or by the months that the period touches, however much lies before and after.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, TypeVar

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from lifecycle.ledger.plans import NARROWED

# A run belongs to every period in which it was due or ended; one that has not ended, to each until it has.
_RUNS = f"""
    with theirs as (
        select id from lifecycle.run
         where system = %(system)s and scheduled_for >= %(from)s and scheduled_for < %(to)s
         union
        select id from lifecycle.run
         where system = %(system)s and finished_at >= %(from)s and scheduled_for < %(from)s
         union
        select id from lifecycle.run
         where system = %(system)s and state = 'queued' and scheduled_for < %(to)s
         union
        select id from lifecycle.run
         where system = %(system)s and state = 'running' and scheduled_for < %(to)s)
    select id, job, scheduled_for, asked_by, state, verdict, attempt, started_at, finished_at, summary,
           failures, counts, coverage, {NARROWED} as narrowed
      from theirs join lifecycle.run r using (id)
     where id <> %(own)s
     order by scheduled_for, job, id
"""  # noqa: S608 - put together of constants only
# How attempts ended that were not a run's last word: failed, lost, put back, queued again by a person.
_ATTEMPTS = """
    select a.run_id as run, r.job, a.attempt, a.at, a.how, a.verdict, a.error_code, a.summary
      from lifecycle.attempt a join lifecycle.run r on r.id = a.run_id
     where r.system = %(system)s and a.at >= %(from)s and a.at < %(to)s and a.run_id <> %(own)s
     order by a.at
"""
# A line of evidence belongs to the period in which it was written.
_EVIDENCE = """
    select e.run_id as run, r.job, e.at, e.kind, e.event, e.target, e.reference, e.counts, e.digest
      from lifecycle.evidence e join lifecycle.run r on r.id = e.run_id
     where r.system = %(system)s and e.at >= %(from)s and e.at < %(to)s
     order by e.id
"""
# The newest of a job's runs are enough: what they said last is what was said last.
_LAST_COUNT = """
    select max((e.counts ->> %(count)s)::bigint)
      from (select id, queued_at from lifecycle.run
             where system = %(system)s and job = %(job)s and id <> %(own)s
             order by scheduled_for desc limit 100) r
     cross join lateral (
           select counts from lifecycle.evidence
            where run_id = r.id and at >= r.queued_at and event = %(event)s and kind = 'outcome') e
"""

# However it ended: one that was lost or missed is a drill, a report, a look that nobody had.
_NEWEST_ENDED = f"""
    select id, job, scheduled_for, asked_by, state, verdict, attempt, started_at, finished_at, summary,
           failures, counts, coverage, {NARROWED} as narrowed
      from lifecycle.run r
     where system = %(system)s and job = %(job)s and state not in ('queued', 'running')
     order by scheduled_for desc, id desc limit %(count)s
"""  # noqa: S608 - put together of constants only

_SLOT = "select job, scheduled_for from lifecycle.run where system = %(system)s and id = %(own)s"


@dataclass(frozen=True, slots=True)
class Run:
    """One run as the ledger has it; `coverage` is None where it ended before it judged.

    `narrowed`: it carried out a plan of one thing, so what it counts is no total.
    """

    id: int
    job: str
    scheduled_for: datetime
    asked_by: str
    state: str
    verdict: str | None
    attempt: int
    started_at: datetime | None
    finished_at: datetime | None
    summary: str | None
    failures: list[dict[str, str]]
    counts: dict[str, int]
    coverage: dict[str, Any] | None
    narrowed: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt at a run ended, at `at`: `how` is finished, queued again, lost, cancelled or resumed."""

    run: int
    job: str
    attempt: int
    at: datetime
    how: str
    verdict: str | None
    error_code: int | None
    summary: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One line of evidence."""

    run: int
    job: str
    at: datetime
    kind: str
    event: str
    target: str
    reference: str | None
    counts: dict[str, int]
    digest: str | None


@dataclass(frozen=True, slots=True)
class Period:
    """A time [since, to) of one system; `own` is the run that reads, which is left out of what ran."""

    system: str
    own: int
    since: datetime
    to: datetime

    def values(self) -> Mapping[str, Any]:
        """Return the parameters that name it."""
        return {"system": self.system, "own": self.own, "from": self.since, "to": self.to}


Row = TypeVar("Row")


def runs(conn: Connection[TupleRow], period: Period) -> tuple[Run, ...]:
    """Return the runs that were due, ended or went on in the period, in the order of their slots."""
    return _rows(conn, Run, _RUNS, period)


def newest_ended(
    conn: Connection[TupleRow], system: str, job: str, *, count: int
) -> tuple[Run, ...]:
    """Return the newest `count` runs of a job that are at their end, in whatever way, the newest first."""
    with conn.cursor(row_factory=class_row(Run)) as cursor:
        values = {"system": system, "job": job, "count": count}
        return tuple(cursor.execute(_NEWEST_ENDED, values))


def attempts(conn: Connection[TupleRow], period: Period) -> tuple[Attempt, ...]:
    """Return how attempts ended in the period, in that order; a run that failed and passed later has both."""
    return _rows(conn, Attempt, _ATTEMPTS, period)


def evidence(conn: Connection[TupleRow], period: Period) -> tuple[Evidence, ...]:
    """Return the lines written in the period, in the order of writing."""
    return _rows(conn, Evidence, _EVIDENCE, period)


def slot(conn: Connection[TupleRow], period: Period) -> tuple[str, datetime] | None:
    """Return the job and the slot of the run that reads, or None where no run does."""
    return conn.execute(_SLOT, period.values()).fetchone()


def last_count(
    conn: Connection[TupleRow], system: str, job: str, event: str, count: str, *, own: int
) -> int | None:
    """Return the greatest `count` that an outcome `event` of the job's newest runs has, or None."""
    values = {"system": system, "job": job, "event": event, "count": count, "own": own}
    row = conn.execute(_LAST_COUNT, values).fetchone()
    return row[0] if row else None


def _rows(
    conn: Connection[TupleRow], kind: type[Row], statement: LiteralString, period: Period
) -> tuple[Row, ...]:
    with conn.cursor(row_factory=class_row(kind)) as cursor:
        return tuple(cursor.execute(statement, period.values()))
