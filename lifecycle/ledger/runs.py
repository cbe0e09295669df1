"""What people and daemons ask about runs: what waits, what went silent, what happened, once more please."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from lifecycle.errors import Conflict, NotFound
from lifecycle.ledger import endings, statements
from lifecycle.ledger.claims import ATTEMPTS
from lifecycle.outcome import Verdict

STATES = ("queued", "running", "finished", "lost", "missed", "cancelled")
"""Every state of a run, as the ledger's check constraint has them."""

VERDICTS = tuple(verdict.value for verdict in Verdict)
"""Every verdict of a finished run."""


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """A run taken from a process that lost it; `state` is `queued` or `lost`."""

    id: int
    job: str
    state: str
    scheduled_for: datetime
    attempt: int
    summary: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many runs could start now, and how many are not at their end, whatever they wait for."""

    ready: int
    open: int


def reclaim(
    conn: Connection[TupleRow],
    system: str,
    retry_safe: Sequence[str],
    *,
    grace: timedelta,
    only: str | None = None,
) -> tuple[Reclaimed, ...]:
    """Take over every run that was silent for longer than its own lease, or is past its deadline by `grace`.

    Those of the job `only`, if one is named.
    A silent run of a `retry_safe` job is queued again while it has attempts left; every other one is lost.
    """
    values = {
        "system": system,
        "retry_safe": list(retry_safe),
        "grace": grace,
        "attempts": ATTEMPTS,
        "only": only,
    }
    return tuple(Reclaimed(*row) for row in conn.execute(endings.RECLAIM, values).fetchall())


def expire(
    conn: Connection[TupleRow], system: str, lateness: Mapping[str, timedelta]
) -> dict[str, int]:
    """Mark queued runs that waited beyond their job's greatest lateness as missed; return how many per job."""
    values = {"system": system, "jobs": list(lateness), "lateness": list(lateness.values())}
    return dict(conn.execute(endings.EXPIRE, values).fetchall())


def waiting(conn: Connection[TupleRow], system: str, jobs: Sequence[str]) -> Waiting:
    """Return what waits or runs among these jobs."""
    row = conn.execute(statements.WAITING, {"system": system, "jobs": list(jobs)}).fetchone()
    assert row is not None
    return Waiting(*row)


def listed(
    conn: Connection[TupleRow],
    system: str,
    *,
    job: str | None = None,
    ending: str | None = None,
    count: int,
) -> list[dict[str, object]]:
    """Return the newest runs, by column name; those of one job, or with one of STATES or VERDICTS, if it is named."""
    values = {"system": system, "job": job, "ending": ending, "count": count}
    statement = statements.LIST_ENDED_SO
    if ending in (None, "finished"):
        statement = statements.LIST_FINISHED if ending else statements.LIST_RUNS
    return conn.cursor(row_factory=dict_row).execute(statement, values).fetchall()


def shown(conn: Connection[TupleRow], system: str, run_id: int) -> Mapping[str, Any]:
    """Return one run with its attempts and up to 1,000 lines of its evidence. Raise NotFound."""
    cursor = conn.cursor(row_factory=dict_row)
    run = cursor.execute(statements.SHOW_RUN, {"system": system, "id": run_id}).fetchone()
    if run is None:
        raise _unknown(run_id)
    attempts = cursor.execute(statements.ATTEMPTS_OF, {"id": run_id}).fetchall()
    evidence = cursor.execute(statements.EVIDENCE_OF, {"id": run_id, "count": 1000}).fetchall()
    return run | {"attempts": attempts, "evidence": evidence}


def cancel(conn: Connection[TupleRow], system: str, run_id: int) -> None:
    """Cancel a run that waits. Raise NotFound, or Conflict when it is past waiting."""
    if conn.execute(statements.CANCEL_QUEUED, {"system": system, "id": run_id}).fetchone() is None:
        raise Conflict(
            f"run {run_id} is {_state(conn, system, run_id)}, not queued",
            hint="A running run ends with its process: stop its daemon or worker, which drains, then "
            "`lifecycle schedule pause` if it shall not come again.",
        )


def resume(conn: Connection[TupleRow], system: str, run_id: int) -> None:
    """Queue a run again that failed, was lost, missed or cancelled; what it was stays in its history.

    One that applies a plan applies that plan again, or nothing. Raise NotFound or Conflict: also for a run that
    could not verify, of which what nobody looked at would be forgotten.
    """
    if conn.execute(endings.RESUME_RUN, {"system": system, "id": run_id}).fetchone() is None:
        raise Conflict(
            f"run {run_id} is {_state(conn, system, run_id)}",
            hint="Only a run that failed, was lost, missed or cancelled can be resumed. What a run did not look at "
            "stays on the ledger: see `lifecycle runs show RUN`; `lifecycle run JOB` starts a new run.",
        )


def _state(conn: Connection[TupleRow], system: str, run_id: int) -> str:
    values = {"system": system, "id": run_id}
    row = conn.execute(statements.RUN_STATE, values).fetchone()
    if row is None:
        raise _unknown(run_id)
    return f"{row[0]} ({row[1]})" if row[1] else str(row[0])


def _unknown(run_id: int) -> NotFound:
    return NotFound(f"no run has the number {run_id}", hint="See `lifecycle runs list`.")
