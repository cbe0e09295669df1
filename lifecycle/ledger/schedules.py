"""Up to when the slots of each job have been turned into runs.

A schedule's row is locked while its slots are written, so several daemons take turns and none writes a slot
twice; `UNIQUE (system, job, scheduled_for)` stands behind it. Never decides which slots are due.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.errors import NotFound
from lifecycle.ledger import endings, statements


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job's schedule as the ledger knows it. `paused` holds the reason of whoever paused it."""

    cron: str
    timezone: str
    covered_until: datetime
    paused: str | None


@dataclass(frozen=True, slots=True)
class Added:
    """A slot that was not on the ledger before; `stands_for` slots are told by this one row."""

    at: datetime
    state: str
    stands_for: int


def register(
    conn: Connection[TupleRow],
    system: str,
    job: str,
    cron: str,
    timezone: str,
    covered_until: datetime,
) -> bool:
    """Put a job's schedule on the ledger. Return False when it is there already.

    Slots up to `covered_until` are none of ours: a new schedule has no past.
    """
    values = {"system": system, "job": job, "cron": cron, "timezone": timezone}
    values |= {"covered_until": covered_until}
    return conn.execute(statements.REGISTER, values).fetchone() is not None


def lock(conn: Connection[TupleRow], system: str, job: str) -> Schedule | None:
    """Return the schedule, locked until the transaction ends, or None when it is not registered."""
    row = conn.execute(statements.LOCK_SCHEDULE, {"system": system, "job": job}).fetchone()
    return Schedule(*row) if row else None


def cover(
    conn: Connection[TupleRow], system: str, job: str, cron: str, timezone: str, now: datetime
) -> None:
    """Say that all slots up to `now` are on the ledger, and that this schedule holds from then on.

    Never moves backwards.
    """
    values = {"system": system, "job": job, "cron": cron, "timezone": timezone, "now": now}
    conn.execute(statements.COVER, values)


def add(
    conn: Connection[TupleRow],
    system: str,
    job: str,
    slots: Sequence[tuple[datetime, str, str, int]],
) -> tuple[Added, ...]:
    """Write slots (at, state, reason, stands for) and return those that were not there before."""
    values = {
        "system": system,
        "job": job,
        "at": [slot[0] for slot in slots],
        "states": [slot[1] for slot in slots],
        "reasons": [slot[2] for slot in slots],
        "stand_for": [slot[3] for slot in slots],
    }
    return tuple(Added(*row) for row in conn.execute(endings.ADD_SLOTS, values).fetchall())


def listed(conn: Connection[TupleRow], system: str) -> list[TupleRow]:
    """Return (job, cron, covered until, paused since, reason, last state, last verdict, last slot) per job."""
    return conn.execute(statements.SCHEDULES, {"system": system}).fetchall()


def pause(conn: Connection[TupleRow], system: str, job: str, now: datetime, because: str) -> None:
    """Stop turning slots into runs; they are recorded as missed with this reason. Raise NotFound."""
    values = {"system": system, "job": job, "now": now, "because": because}
    with conn.transaction():
        conn.execute(statements.END_PAUSE, values)
        _known(conn.execute(statements.PAUSE, values).fetchone(), job)


def resume(conn: Connection[TupleRow], system: str, job: str, now: datetime) -> None:
    """Turn slots after `now` into runs again. Raise NotFound."""
    values = {"system": system, "job": job, "now": now}
    with conn.transaction():
        conn.execute(statements.END_PAUSE, values)
        _known(conn.execute(statements.RESUME_SCHEDULE, values).fetchone(), job)


def not_offered(
    conn: Connection[TupleRow], system: str, jobs: Sequence[str]
) -> list[tuple[str, int]]:
    """Return (job, queued runs) for jobs on the ledger with waiting runs that no room offers any more."""
    values = {"system": system, "jobs": list(jobs)}
    return [(job, count) for job, count in conn.execute(statements.NOT_OFFERED, values)]


def _known(row: TupleRow | None, job: str) -> None:
    if row is None:
        raise NotFound(
            f"the ledger knows no schedule of {job!r}",
            hint="See `lifecycle schedule list`; a daemon registers each schedule at its first tick.",
        )
