"""Carries out all that a run does for partitioned tables, in the order of `tend.py`: finish, make, mend, analyse.

What cannot be done to one table keeps nothing from another. A partition is mended only where a person saw the plan.
"""

from collections.abc import Callable
from contextlib import closing
from functools import partial

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.partitions import (
    create,
    owner,
    policies,
    statements,
    statements_of_care,
    take_off,
    tend,
)
from lifecycle.partitions.create import Made
from lifecycle.partitions.detach import Finish
from lifecycle.partitions.step import deferred
from lifecycle.partitions.survey import Seen
from lifecycle.partitions.tend import Analyze, Mend
from lifecycle.plan import Decision, Step
from lifecycle.postgres import connect, owners
from lifecycle.postgres.waits import Budget, InTheWay
from lifecycle.promise import Task


def carry_out(task: Task, seen: Seen, decision: Decision[Step]) -> Made:
    """Do it. Raise Fenced when another process holds the run, Unreachable when the server goes away."""
    finished = take_off.carry_out(task, [s for s in decision.steps if isinstance(s, Finish)])
    made = create.carry_out(task, seen, tend.created(decision))
    rest = [
        s
        for s in decision.steps
        if isinstance(s, Analyze) or (isinstance(s, Mend) and task.seen_by_person)
    ]
    return Made(made.steps, (*finished.failures, *made.failures, *_each(task, rest)))


def _each(task: Task, steps: list[Analyze | Mend]) -> list[Failure]:
    failures: list[Failure] = []
    if not steps:
        return failures
    budget = Budget()
    with closing(task.system.connect_ddl("partitions.care")) as conn:
        for step in steps:
            attempt: Callable[[], None] = (
                partial(_mend, conn, task, step)
                if isinstance(step, Mend)
                else partial(_analyze, conn, step)
            )
            try:
                budget.when_clear(conn, step.needs, attempt)
            except InTheWay as held:
                failures.append(deferred(step.target, held))
            except policies.NotCopied:
                what = "it was not mended: a policy of its parent cannot be copied so that it means the same"
                failures.append(Failure(step.target, what, "Write its policies by hand."))
            except psycopg.Error as error:
                if conn.broken:
                    raise connect.explain(error) from None
                said = connect.explain(error)
                done = "mended" if isinstance(step, Mend) else "analysed"
                failures.append(Failure(step.target, f"it was not {done}: {said.what}", said.hint))
    return failures


def _mend(conn: Connection[TupleRow], task: Task, step: Mend) -> None:
    with effect(conn, task.claim, None) as change:
        names = {"schema": step.schema, "parent": step.parent_relname, "child": step.relname}
        conn.execute(statements.NAME_BOTH, names)
        with owner.enclosed(conn, step.owner, step.schema) as say:
            say(*statements_of_care.MEND, within=statements.HELD)
            policies.must_be_copied(conn)
        change.record("effect", "partitions.mended", step.target, counts={"partitions": 1})


def _analyze(conn: Connection[TupleRow], step: Analyze) -> None:
    """Draw the samples, each leaf in a transaction of its own: one for all would hold the locks of all."""
    with owners.acting_as(conn, step.owner):
        conn.execute(
            statements_of_care.analyze_only(step.target)
            if step.only
            else owners.analyze(step.target)
        )
