"""Carries a plan out in batches, one short transaction each, and counts again afterwards.

A batch deletes or clears, and says so on the ledger, in the same transaction: a run may be killed at any instant,
and what the ledger adds up to is what is gone. Rows that somebody has locked are passed over and tried again.
"""

import time
from datetime import datetime

import psycopg
from psycopg import Connection
from psycopg.errors import ForeignKeyViolation
from psycopg.rows import TupleRow

from lifecycle.ledger.claims import Claim
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure, Outcome, Verdict
from lifecycle.postgres import connect
from lifecycle.system import System
from retention import plan, statements
from retention.plan import Expire
from retention.rules import Bound
from retention.survey import Counted, Survey, count, survey

BATCH = 5_000
"""Rows per transaction: some 50 ms, so that nobody waits long for a lock."""

PASSES = 4
"""How often a rule is gone through, as long as locked rows are left over."""

PAUSE = 0.5
"""Seconds between two passes."""


def carry_out(system: System, claim: Claim, now: datetime, *, wanted: str | None = None) -> Outcome:
    """End what is overdue, rule by rule, then judge by what is still there.

    `wanted` is the hash of the plan a person has seen; without one the cap holds. Raise Conflict when the plan
    is another now, Fenced when another process holds the run, Unreachable when the server goes away.
    """
    with system.connect("retention.expire") as conn:
        surveyed = survey(conn, system.policy, now)
        planned = plan.make(system.policy, system.policy_digest, surveyed)
        failures = list(surveyed.failures)
        if wanted is None:
            steps, refused = plan.within(system.policy, planned.steps)
            failures += refused
        else:
            planned.must_be(wanted)
            steps = list(planned.steps)
        counts = {"deleted": 0, "cleared": 0, "overdue": 0, "without a date": 0}
        by_place = {step.rule: step for step in steps}
        for counted in surveyed.counted:
            step = by_place.get(counted.bound.place)
            after, failure = _rule(conn, claim, counted, step, counts)
            counts["overdue"] += after.rows
            counts["without a date"] += after.undated
            failures += [failure] if failure else []
    return _outcome(surveyed, counts, failures)


def _rule(
    conn: Connection[TupleRow],
    claim: Claim,
    counted: Counted,
    step: Expire | None,
    counts: dict[str, int],
) -> tuple[Counted, Failure | None]:
    """Carry one rule out and count again. Return what is there now, and what went wrong."""
    if step is None:  # nothing overdue, or refused
        return counted, None
    failure = _expire(conn, claim, counted.bound, step, counts)
    try:
        after = count(conn, counted.bound)
    except psycopg.Error as error:
        return counted, _refusal(conn, step, error)
    if failure is not None:
        return after, failure
    if after.rows:
        what = f"{after.rows} rows are still overdue"
        hint = "Somebody holds locks on them, or they came while the run was on; the next run tries again."
        return after, Failure(step.target, what, hint)
    return after, None


def _expire(
    conn: Connection[TupleRow], claim: Claim, bound: Bound, step: Expire, counts: dict[str, int]
) -> Failure | None:
    """Go through the leaves until nothing is left, for PASSES passes, and `step.rows` rows in all."""
    left = step.rows
    word = "deleted" if bound.column is None else "cleared"
    for number in range(PASSES):
        if number:
            time.sleep(PAUSE)
        try:
            for leaf, _ in step.leaves:
                while left > 0 and (gone := batch(conn, claim, bound, leaf, min(BATCH, left))):
                    left -= gone
                    counts[word] += gone
        except psycopg.Error as error:
            return _refusal(conn, step, error)
        if left <= 0:
            break
    return None


def batch(conn: Connection[TupleRow], claim: Claim, bound: Bound, leaf: str, limit: int) -> int:
    """End up to `limit` overdue rows of one leaf with their evidence, or nothing. Return how many.

    Raise Fenced when the claim is gone, psycopg.Error as it comes.
    """
    word = "deleted" if bound.column is None else "cleared"
    with effect(conn, claim) as change:
        gone = conn.execute(
            statements.expire(leaf, bound.by, bound.column),
            {"before": bound.before, "limit": limit},
        ).rowcount
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


def _outcome(surveyed: Survey, counts: dict[str, int], failures: list[Failure]) -> Outcome:
    verdict = Verdict.FAIL if failures else Verdict.PASS
    summary = (
        f"{counts['deleted']} rows deleted, {counts['cleared']} values cleared by "
        f"{len(surveyed.counted)} rules; {counts['overdue']} still overdue"
    )
    if counts["without a date"]:
        summary += f"; {counts['without a date']} rows have no date yet and stay"
    return Outcome(verdict, summary, counts, tuple(failures))
