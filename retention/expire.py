"""Carries a plan out in batches, one short transaction each. `judge.py` counts again afterwards.

A batch deletes or clears, and says so on the ledger, in the same transaction: a run may be killed at any instant,
and what the ledger adds up to is what is gone. What else would have changed with them is undone: only declared
triggers may add to the log and to archives. Rows that somebody has locked are passed over and tried again.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import psycopg
from psycopg import Connection
from psycopg.errors import ForeignKeyViolation
from psycopg.rows import TupleRow

from lifecycle.errors import Unproven
from lifecycle.ledger import changed, code
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.code import Code
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.plan import Decision
from lifecycle.policy import triggers
from lifecycle.postgres import connect
from lifecycle.promise import Task
from retention import forget, statements
from retention.plan import Expire
from retention.rules import Bound
from retention.survey import Seen

BATCH = 5_000
"""Rows per transaction: some 50 ms, so that nobody waits long for a lock."""

PASSES = 4
"""How often a rule is gone through, as long as locked rows are left over."""

PAUSE = 0.5
"""Seconds between two passes."""


@dataclass(slots=True)
class Ended:
    """What a run ended, in rows and values, and the rules that stopped before their end.

    `drawn` are the tables and leaves of which it had the planner's samples drawn anew.
    """

    counts: dict[str, int]
    failures: list[Failure]
    drawn: frozenset[str] = frozenset()


def carry_out(task: Task, seen: Seen, decision: Decision[Expire]) -> Ended:
    """End what is overdue, rule by rule. One that stops, stops no other.

    Raise Fenced when another process holds the run, Unreachable when the server goes away.
    """
    ended = Ended({"deleted": 0, "cleared": 0}, [])
    bounds = {counted.bound.place: counted.bound for counted in seen.counted}
    with closing(task.system.connect("retention.expire")) as conn:
        if decision.steps:
            with code.code(task.system, seen.catalog) as as_seen:
                _carry_out(task, conn, as_seen, bounds, decision.steps, ended)
        ended.drawn = forget.forget(task.system, conn, seen.catalog, bounds.values())
    return ended


def _carry_out(
    task: Task,
    conn: Connection[TupleRow],
    as_seen: Code,
    bounds: Mapping[int, Bound],
    steps: Sequence[Expire],
    ended: Ended,
) -> None:
    for step in steps:
        bound = bounds[step.rule]
        adding = triggers.written_to(task.system.policy, bound.table)
        batches = Batches(conn, task.claim, as_seen, bound, adding)
        failure = _expire(batches, step, ended.counts)
        ended.failures += [failure] if failure else []


@dataclass(frozen=True, slots=True)
class Batches:
    """What is the same for all batches of one rule. Declared triggers may add rows to the tables `adding`."""

    conn: Connection[TupleRow]
    claim: Claim
    code: Code
    bound: Bound
    adding: frozenset[str]


def _expire(batches: Batches, step: Expire, counts: dict[str, int]) -> Failure | None:
    """Go through the leaves until nothing is left, for PASSES passes, and `step.rows` rows in all."""
    left = step.rows
    word = "deleted" if batches.bound.column is None else "cleared"
    for number in range(PASSES):
        if number:
            time.sleep(PAUSE)
        try:
            for leaf, _ in step.leaves:
                while left > 0 and (gone := batch(batches, leaf, min(BATCH, left))):
                    left -= gone
                    counts[word] += gone
        except psycopg.Error as error:
            return _refusal(batches.conn, step, error)
        except Unproven as error:
            return Failure(step.target, f"stopped: {error.what}", error.hint)
        if left <= 0:
            break
    return None


def batch(batches: Batches, leaf: str, limit: int) -> int:
    """End up to `limit` overdue rows of one leaf with their evidence, or nothing. Return how many.

    Raise Fenced when the claim is gone, Unproven when something else would have changed with them, Refused when code
    was exchanged or the server does not count, psycopg.Error as it comes.
    """
    conn, bound = batches.conn, batches.bound
    word = "deleted" if bound.column is None else "cleared"
    with effect(conn, batches.claim, batches.code) as change:
        before = changed.so_far(conn)
        gone = conn.execute(
            statements.expire(leaf, bound.by, bound.column),
            {"before": bound.before, "limit": limit},
        ).rowcount
        changed.must_be(before, changed.so_far(conn), {bound.table: gone}, batches.adding)
        if gone:
            change.record("effect", f"retention.{word}", bound.rule.table, counts={"rows": gone})
    return gone


def _refusal(conn: Connection[TupleRow], step: Expire, error: psycopg.Error) -> Failure:
    """Return the error as one rule's failure. Raise Unreachable when the server has gone away."""
    if conn.broken:
        raise connect.explain(error) from None
    if isinstance(error, ForeignKeyViolation):
        diag = error.diag
        return Failure(
            step.target,
            f"rows are still referenced from {diag.table_name} by {diag.constraint_name}",
            "Give the referencing rows a rule that ends them first, or this rule a longer time.",
        )
    said = connect.explain(error)
    return Failure(step.target, f"stopped: {said.what}", said.hint)
