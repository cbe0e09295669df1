"""Carries out what plan.py decided: each view in a transaction of its own, as its owner, with its line of evidence.

What cannot be done to one view keeps nothing from another. PostgreSQL runs the view's query with its owner's rights and
lets it change no role (the manual on REFRESH: a security-restricted operation).
"""

from contextlib import closing
from dataclasses import dataclass
from functools import partial

import psycopg
from psycopg import Connection
from psycopg.errors import QueryCanceled
from psycopg.rows import TupleRow

from lifecycle import progress
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.effect import effect
from lifecycle.maintenance import statements
from lifecycle.maintenance.plan import INDEX, INSTANT, Refresh
from lifecycle.maintenance.survey import REFRESHED, Seen
from lifecycle.outcome import Failure
from lifecycle.plan import Decision
from lifecycle.postgres import connect
from lifecycle.postgres.owners import step_into
from lifecycle.postgres.waits import LIMIT, Budget, InTheWay
from lifecycle.promise import Task
from lifecycle.words import counted


@dataclass(frozen=True, slots=True)
class Refreshed:
    """Which views were made anew, and why others were not."""

    views: tuple[str, ...]
    failures: tuple[Failure, ...]


class _TooLong(Exception):
    """A view whose readers had to wait was not made in an instant."""


def carry_out(task: Task, _seen: Seen, decision: Decision[Refresh]) -> Refreshed:
    """Do it. Raise Fenced when another process holds the run, Unreachable when the server goes away."""
    done: list[str] = []
    failures: list[Failure] = []
    if not decision.steps:
        return Refreshed((), ())
    budget = Budget()
    with closing(task.system.connect_ddl("maintenance.refresh")) as conn:
        for step in decision.steps:
            progress.phase(f"maintenance.refresh: {step.target}")
            failure = _one(conn, task.claim, budget, step)
            if failure is None:
                done.append(step.target)
            else:
                failures.append(failure)
    return Refreshed(tuple(done), tuple(failures))


def _one(conn: Connection[TupleRow], claim: Claim, budget: Budget, step: Refresh) -> Failure | None:
    """Make one view anew; return why it was not."""
    try:
        budget.when_clear(conn, step.needs, partial(_refresh, conn, claim, step))
    except InTheWay as held:
        who = counted(len(held.pids), "session")
        what = f"it was not refreshed: {who} held {held.table} all the time"
        return Failure(step.target, what, "The next run tries again; pg_locks says who it is.")
    except _TooLong:
        what = (
            f"it was not refreshed: that takes longer than {INSTANT} ms, and its readers would wait"
        )
        return Failure(step.target, what, INDEX.format(step.target))
    except psycopg.Error as error:
        if conn.broken:
            raise connect.explain(error) from None
        said = connect.explain(error)
        return Failure(step.target, f"it was not refreshed: {said.what}", said.hint)
    return None


def _refresh(conn: Connection[TupleRow], claim: Claim, step: Refresh) -> None:
    with effect(conn, claim, None) as change:
        limits = {"lock": LIMIT, "statement": f"{step.within}ms"}
        conn.execute(statements.LIMITS, limits)
        conn.execute(step_into(step.owner))
        try:
            conn.execute(statements.refresh(step.target, beside=step.beside))
        except QueryCanceled:
            if step.within:
                raise _TooLong from None
            raise
        conn.execute(statements.RESET_ROLE)
        change.record("effect", REFRESHED, step.target, counts={"views": 1})
