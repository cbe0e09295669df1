"""Makes the partitions of a plan, one transaction each, and never makes anybody wait.

A lock that does not come within LOCK_WAIT is given up, tried again a little later, and after TRIES the table is
left for the next run: a statement waiting for a lock holds up every reader that comes after it. A transaction
makes a whole partition or nothing, so a run may be killed at any instant and started again.
"""

import secrets
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

import psycopg
from psycopg import Connection
from psycopg.errors import (
    CheckViolation,
    DeadlockDetected,
    DuplicateTable,
    InsufficientPrivilege,
    LockNotAvailable,
)
from psycopg.rows import TupleRow

from lifecycle.errors import Unproven
from lifecycle.ledger import changed
from lifecycle.ledger.changed import Changed
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.partitions import statements
from lifecycle.partitions.plan import CreatePartition
from lifecycle.partitions.survey import Seen
from lifecycle.plan import Decision
from lifecycle.postgres import connect, locks
from lifecycle.postgres.owners import step_into
from lifecycle.promise import Task

LOCK_WAIT = "2s"
"""How long one try waits for a lock: as long as a reader behind it may have to wait."""


@dataclass(frozen=True, slots=True)
class Made:
    """What became of the steps: the partitions made, and what could not be."""

    steps: tuple[CreatePartition, ...]
    failures: tuple[Failure, ...]


def carry_out(task: Task, seen: Seen, decision: Decision[CreatePartition]) -> Made:  # noqa: ARG001 - asked alike
    """Make what is missing. Raise Fenced when another process holds the run, Unreachable when the server goes away."""
    if not decision.steps:
        return Made((), ())
    with closing(task.system.connect_ddl("partitions.create")) as conn:
        made, failures = _make_all(conn, task.claim, decision.steps)
    return Made(tuple(made), tuple(failures))


def _make_all(
    conn: Connection[TupleRow], claim: Claim, steps: tuple[CreatePartition, ...]
) -> tuple[list[CreatePartition], list[Failure]]:
    """Make what can be made. A table whose lock does not come is deferred whole, and no other is."""
    made: list[CreatePartition] = []
    failures: list[Failure] = []
    deferred: set[str] = set()
    for step in steps:
        if step.parent in deferred:
            continue
        try:
            locks.patiently(partial(make, conn, claim, step))
        except (LockNotAvailable, DeadlockDetected):
            deferred.add(step.parent)
            failures.append(_deferral(step))
        except Unproven as error:
            what = f"{step.target} was not made: {error.what}"
            hint = (
                "A function in a check or an index of the table, or an event trigger, writes rows."
            )
            failures.append(Failure(step.parent, what, hint))
        except psycopg.Error as error:
            if conn.broken:
                raise connect.explain(error) from None
            failures.append(_refusal(step, error))
        else:
            made.append(step)
    return made, failures


def make(conn: Connection[TupleRow], claim: Claim, step: CreatePartition) -> None:
    """Make one partition, or nothing. Raise psycopg.Error as it comes, Fenced when the claim is gone."""
    names = {"schema": step.schema, "parent": step.parent_relname, "child": step.relname}
    commands = [
        statements.create(step).as_string(conn),
        statements.CARRY_OVER,
        statements.attach(step).as_string(conn),  # from here on tables it references take no writes
        statements.CARRY_OVER_ATTACHED,
    ]
    door = (step.schema, f"lifecycle_{secrets.token_hex(8)}")  # a name that nobody has taken
    with effect(conn, claim, None) as change:
        before = changed.so_far(conn)
        conn.execute(statements.PREPARE, {"limit": LOCK_WAIT})
        conn.execute(statements.NAME_BOTH, names)
        conn.execute(step_into(step.owner))
        conn.execute(statements.enclose(*door))
        conn.execute(statements.enclosed(*door), {"commands": commands})
        conn.execute(statements.open_again(*door))
        conn.execute(statements.RESET_ROLE)
        _no_row_changed(before, changed.so_far(conn))
        change.record("effect", "partitions.created", step.target, counts={"partitions": 1})


def _no_row_changed(before: Changed, after: Changed) -> None:
    """Raise Unproven when code of somebody's wrote rows on the way: a deferred trigger would act as this login."""
    changed.must_be(before, replace(after, rewritten=before.rewritten), {})


def _deferral(step: CreatePartition) -> Failure:
    return Failure(
        step.parent,
        f"deferred: no lock for {step.target} within {locks.TRIES} tries of {LOCK_WAIT}",
        "The next run tries again. See pg_stat_activity for long transactions on this table, "
        "its default partition and the tables it references.",
    )


def _refusal(step: CreatePartition, error: psycopg.Error) -> Failure:
    if isinstance(error, CheckViolation):
        return Failure(
            step.parent,
            f"rows of {step.lower} to {step.upper} lie in the default partition",
            "Move them out of the default partition by hand, then run again.",
        )
    if isinstance(error, DuplicateTable):
        return Failure(
            step.parent,
            f"something else is called {step.target}",
            "Lifecycle adopts and drops nothing it did not make: rename it or drop it by hand.",
        )
    if isinstance(error, InsufficientPrivilege):
        return Failure(
            step.parent,
            f"{step.target} was not made: {step.owner} may not make tables in schema {step.schema}",
            f"An administrator runs: grant create on schema {step.schema} to {step.owner};",
        )
    if error.sqlstate == statements.POLICY_NOT_COPIED:
        return Failure(
            step.parent,
            f"{step.target} was not made: a policy of {step.parent} cannot be copied word for word",
            "A text in it looks like one of the table's columns; make the partition by hand.",
        )
    said = connect.explain(error)
    return Failure(step.parent, f"{step.target} was not made: {said.what}", said.hint)
