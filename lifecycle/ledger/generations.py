"""What the schedule said from when to when, as far as the ledger knows. Never decides which slots are due."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

# One timetable is known, the one that holds; it is known to have held since the first daemon began.
_HOLDS = """
    select cron, job, covered_until, paused_at, pause_reason from lifecycle.schedule
     where system = %(system)s order by job
"""
_INSTALLED = """
    select created_at, clock_timestamp(), (select min(started_at) from lifecycle.daemon)
      from lifecycle.installation where system = %(system)s
"""


@dataclass(frozen=True, slots=True)
class Timetable:
    """What one policy and release make of the schedule. `jobs` maps each job to its cron expression."""

    policy: str
    version: str
    timezone: str
    jobs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Generation:
    """A timetable and the time in which it held: since < slot <= until; None: it still does."""

    timetable: Timetable
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which somebody kept a job from running; `until` None: it is still paused."""

    job: str
    since: datetime
    until: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class History:
    """All that the ledger knows of one system's schedule, as it was at `now` by the database's clock.

    `covered` is up to when each job's slots have been turned into runs; `installed` when the ledger was made.
    """

    installed: datetime
    now: datetime
    generations: tuple[Generation, ...]
    pauses: tuple[Pause, ...]
    covered: Mapping[str, datetime]


def history(conn: Connection[TupleRow], system: str, timezone: str) -> History | None:
    """Return the history of the schedule, or None where `lifecycle init` has not registered this system."""
    values = {"system": system}
    row = conn.execute(_INSTALLED, values).fetchone()
    if row is None:
        return None
    installed, now, began = row
    rows = conn.execute(_HOLDS, values).fetchall()
    holds = Timetable("", "", timezone, {job: cron for cron, job, *_ in rows if cron})
    return History(
        installed,
        now,
        (Generation(holds, began, None),) if began is not None and rows else (),
        tuple(Pause(job, at, None, why or "") for _, job, _, at, why in rows if at is not None),
        {job: covered for _, job, covered, *_ in rows},
    )
