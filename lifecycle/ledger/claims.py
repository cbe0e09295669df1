"""Holding a run: claim it, keep it alive, end it. Nobody else can while the claim holds.

A claim is (run, holder, attempt). Every statement carries all three, so a process that was frozen while
another took its run over changes nothing any more: it gets Fenced. Never decides what a run does.
"""

import contextlib
import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, LiteralString

from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow
from psycopg.types.json import Json

from lifecycle import redact
from lifecycle.errors import Conflict, Fenced
from lifecycle.ledger import alerts, endings, statements
from lifecycle.outcome import Outcome, Verdict
from lifecycle.words import moment

ATTEMPTS = 3
"""How often a run is tried in all when its process is lost or a server is unreachable."""


LEASE = timedelta(seconds=40)
"""How long a holder may be silent that names nothing else: four heartbeats of ten seconds."""

RIVALS = 32
"""How often a claimer that was beaten to a job looks for another before it waits for the next tick."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that this holder may work on. `scheduled_for` is aware.

    `lease` is how long the holder may be silent: whoever judges it, judges by this, and not by settings of its own.
    """

    id: int
    system: str
    job: str
    scheduled_for: datetime
    attempt: int
    holder: str
    lease: timedelta

    def key(self) -> dict[str, object]:
        """Return the parameters that fence a statement."""
        return {"id": self.id, "holder": self.holder, "attempt": self.attempt}


def new_holder() -> str:
    """Return a name for this process that no other process, here or elsewhere, ever has."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def claim_next(
    conn: Connection[TupleRow],
    system: str,
    holder: str,
    jobs: Sequence[str] | None = None,
    *,
    lease: timedelta = LEASE,
) -> Claim | None:
    """Claim the longest due run of `system`, among these jobs if they are named; None when nothing waits.

    Never claims a job of which another run is going on.
    """
    named = None if jobs is None else list(jobs)
    values = {"system": system, "holder": holder, "jobs": named, "lease": lease}
    for _ in range(RIVALS):  # whoever is beaten to one job looks for another
        with contextlib.suppress(UniqueViolation):
            return _claim(conn, statements.CLAIM_NEXT, values)
    return None


def claim_one(
    conn: Connection[TupleRow],
    system: str,
    job: str,
    scheduled_for: datetime,
    holder: str,
    *,
    lease: timedelta = LEASE,
) -> Claim:
    """Claim exactly this run, which must be queued. Raise Conflict when it is not, or the job is going on."""
    values = {"system": system, "job": job, "scheduled_for": scheduled_for}
    claim = None
    with contextlib.suppress(UniqueViolation):  # another run of the job is going on
        claim = _claim(conn, statements.CLAIM_ONE, values | {"holder": holder, "lease": lease})
    if claim is None:
        row = conn.execute(statements.STATE_OF, values).fetchone()
        state = f"{row[1]}{f' ({row[2]})' if row[2] else ''}" if row else "not on the ledger"
        if row and row[1] == "queued":
            state = "waiting for another run of the same job"
        raise Conflict(
            f"run {job} for {moment(scheduled_for)} is {state}",
            hint="See `lifecycle runs list`; a slot runs once, `lifecycle runs resume` queues one that failed again.",
        )
    return claim


def claim_new(
    conn: Connection[TupleRow],
    system: str,
    job: str,
    scheduled_for: datetime,
    holder: str,
    *,
    asked_by: Literal["schedule", "person"],
    lease: timedelta = LEASE,
    plan: str | None = None,
) -> Claim:
    """Put a slot on the ledger, unless it is there, and claim it in the same instant; `plan` as in `enqueue`.

    Nobody else can claim it in between, and nothing stays queued when it cannot be claimed. Raise Conflict then.
    """
    with conn.transaction():
        enqueue(conn, system, job, scheduled_for, asked_by=asked_by, plan=plan)
        return claim_one(conn, system, job, scheduled_for, holder, lease=lease)


def passed(conn: Connection[TupleRow], system: str, job: str, scheduled_for: datetime) -> bool:
    """Say whether this slot ran and passed."""
    values = {"system": system, "job": job, "scheduled_for": scheduled_for}
    row = conn.execute(statements.STATE_OF, values).fetchone()
    return row is not None and row[1] == "finished" and row[2] in ("pass", "not configured")


def take_up(conn: Connection[TupleRow], run_id: int, attempt: int, holder: str) -> Claim:
    """Return the claim that another process made for this one. Raise Fenced when it is gone."""
    claim = Claim(run_id, "", "", datetime.max.replace(tzinfo=UTC), attempt, holder, LEASE)
    row = conn.execute(statements.TAKE_UP, claim.key()).fetchone()
    _fenced(row, claim)
    assert row is not None
    return Claim(*row)


def _claim(
    conn: Connection[TupleRow], statement: LiteralString, values: Mapping[str, object]
) -> Claim | None:
    with conn.transaction():
        row = conn.execute(statement, values).fetchone()
    return Claim(*row) if row else None


def enqueue(
    conn: Connection[TupleRow],
    system: str,
    job: str,
    scheduled_for: datetime,
    *,
    asked_by: str,
    plan: str | None = None,
) -> bool:
    """Put a slot on the ledger. Return False when it is there already, in whatever state.

    `plan` is the hash of the one plan that this run may carry out, which a person was shown.
    """
    values = {"system": system, "job": job, "scheduled_for": scheduled_for}
    row = conn.execute(statements.ENQUEUE, values | {"asked_by": asked_by, "plan": plan}).fetchone()
    return row is not None


def start(conn: Connection[TupleRow], claim: Claim, limit: timedelta) -> None:
    """Set the run's deadline to `limit` from now. Raise Fenced when the claim is gone."""
    _fenced(conn.execute(statements.SET_DEADLINE, claim.key() | {"limit": limit}).fetchone(), claim)


def beat(conn: Connection[TupleRow], claim: Claim) -> None:
    """Say that this run is alive. Raise Fenced when the claim is gone."""
    _fenced(conn.execute(statements.HEARTBEAT, claim.key()).fetchone(), claim)


def hold(conn: Connection[TupleRow], claim: Claim) -> None:
    """Keep the claim until the current transaction ends, and mark it with the run. Raise Fenced when it is gone.

    `effect.effect` begins with this, and nothing is changed but by it.
    """
    _fenced(conn.execute(statements.HOLD, claim.key()).fetchone(), claim)


def finish(
    conn: Connection[TupleRow], claim: Claim, outcome: Outcome, *, error_code: int | None = None
) -> None:
    """End the run with its outcome; anything but a pass raises an alert, and the first pass after it another.

    What could not be verified is told every time something was in the way; where only limits of the program were, once.
    Raise Fenced when the claim is gone.
    """
    failures = [
        {"target": f.target, "what": redact.text(f.what), "hint": f.hint} for f in outcome.failures
    ]
    values = claim.key() | {
        "verdict": outcome.verdict.value,
        "error_code": error_code,
        "summary": redact.text(outcome.summary),
        "counts": Json(dict(outcome.counts)),
        "failures": Json(failures),
        "coverage": Json(dict(outcome.coverage)) if outcome.coverage else None,
    }
    with conn.transaction():
        # Asked before the run ends: its own places are not what was known before.
        known = outcome.verdict is Verdict.UNVERIFIED and _known(conn, claim, outcome)
        _fenced(conn.execute(endings.FINISH, values).fetchone(), claim)
        if outcome.verdict is Verdict.FAIL or (outcome.verdict is Verdict.UNVERIFIED and not known):
            _alert(conn, claim, outcome.verdict.value, f"{claim.job}: {outcome.summary}")
        elif outcome.verdict is Verdict.PASS and alerts.troubled(conn, claim.system, claim.job):
            _alert(conn, claim, "recovered", f"{claim.job} passes again")


def _known(conn: Connection[TupleRow], claim: Claim, outcome: Outcome) -> bool:
    """Say whether these are limits of the program, and the job's last run had the same: nobody is told every night."""
    if not outcome.well:
        return False
    row = conn.execute(statements.UNSEEN_BEFORE, claim.key()).fetchone()
    return row is not None and bool(row[0]) and row[0] == outcome.coverage.get("unseen")


def put_back(
    conn: Connection[TupleRow], claim: Claim, *, delay: timedelta, error_code: int, summary: str
) -> None:
    """Queue the run again after `delay`. Raise Fenced when the claim is gone."""
    told = redact.text(summary)
    values = claim.key() | {"delay": delay, "error_code": error_code, "summary": told}
    _fenced(conn.execute(endings.PUT_BACK, values).fetchone(), claim)


def cancel(
    conn: Connection[TupleRow], claim: Claim, summary: str, *, error_code: int | None = None
) -> None:
    """End the run because somebody asked to stop; `runs resume` queues it again. Raise Fenced.

    Of a scheduled run somebody hears: a deploy that cuts a dump off leaves the day without one.
    """
    values = claim.key() | {"summary": redact.text(summary), "error_code": error_code}
    with conn.transaction():
        row = conn.execute(endings.CANCEL, values).fetchone()
        _fenced(row, claim)
        if row and row[1] == "schedule":
            message = f"{claim.job} was stopped before its end; `lifecycle runs resume {claim.id}` goes on"
            _alert(conn, claim, "cancelled", message)


def ended(conn: Connection[TupleRow], claim: Claim) -> bool:
    """Say whether this holder ended this attempt: what became of an ending whose answer was lost."""
    return conn.execute(endings.ENDED_BY_HOLDER, claim.key()).fetchone() is not None


def abandon(
    conn: Connection[TupleRow], claim: Claim, *, retry_safe: bool, summary: str
) -> str | None:
    """Say that the run's process is dead: `queued` again where that is safe, else `lost` with an alert.

    Return the new state, or None when the process had ended its run itself.
    """
    values = claim.key() | {"retry_safe": retry_safe, "attempts": ATTEMPTS, "summary": summary}
    with conn.transaction():
        row = conn.execute(endings.ABANDON, values).fetchone()
        if row and row[0] == "lost":
            message = f"{claim.job} for {claim.scheduled_for:%Y-%m-%d %H:%M} UTC is lost: {summary}"
            _alert(conn, claim, "lost", message)
    return row[0] if row else None


def _alert(conn: Connection[TupleRow], claim: Claim, kind: str, message: str) -> None:
    alerts.write(conn, claim.system, kind, message, job=claim.job, run_id=claim.id)


def _fenced(row: TupleRow | None, claim: Claim) -> None:
    if row is None:
        raise Fenced(
            f"run {claim.id} ({claim.job}) is no longer held by this process",
            hint="Another process has taken it over or ended it; nothing was written here. See `lifecycle runs show`.",
        )
