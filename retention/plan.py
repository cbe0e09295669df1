"""Decides what would go. Pure: the counts and the policy in, a decision out."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from lifecycle.plan import Decision, Step
from lifecycle.policy.model import Policy
from retention.survey import Counted, Seen


@dataclass(frozen=True, slots=True)
class Expire(Step):
    """End the overdue rows of one rule: `rows` of them at most, which is what a person has seen.

    `rule` is its place in the policy, from 0. `before` is the cutoff in ISO 8601.
    """

    rule: int
    before: str
    leaves: tuple[tuple[str, int], ...]


def decide(policy: Policy, seen: Seen, now: datetime) -> Decision[Expire]:  # noqa: ARG001 - every room is asked alike
    """Return one step for each rule with overdue rows, in the policy's order. Rules that cannot be kept are refused."""
    steps = [_step(counted) for counted in seen.counted if counted.rows]
    notes = [
        f"{counted.bound.rule.table}: {counted.undated} rows without a date in {counted.bound.by} stay"
        for counted in seen.counted
        if counted.undated
    ]
    return Decision(tuple(steps), seen.failures, tuple(notes))


def _step(counted: Counted) -> Expire:
    bound = counted.bound
    keys = "".join(f"{leaf.leaf} {leaf.rows} {leaf.keys}\n" for leaf in counted.overdue)
    return Expire(
        verb=f"{bound.rule.do} rows" if bound.column is None else f"clear {bound.column}",
        target=bound.rule.table,
        reason=f"{bound.rule.because} (kept {bound.rule.after} from {bound.by})",
        cost=f"{counted.rows} rows in {len(counted.overdue)} tables or partitions",
        rule=bound.place,
        rows=counted.rows,
        binds=hashlib.sha256(keys.encode()).hexdigest()[:16],
        before=bound.before.isoformat(),
        leaves=tuple((leaf.leaf, leaf.rows) for leaf in counted.overdue),
    )
