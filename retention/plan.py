"""Decides what would go. Pure: the counts and the policy in, a frozen plan out."""

from dataclasses import dataclass

from lifecycle.outcome import Failure
from lifecycle.plan import Plan, Step
from lifecycle.policy.model import Policy
from retention.survey import Counted, Survey


@dataclass(frozen=True, slots=True)
class Expire(Step):
    """End the overdue rows of one rule: `rows` of them at most, which is what a person has seen.

    `rule` is its place in the policy, from 0. `before` is the cutoff in ISO 8601.
    """

    rule: int
    rows: int
    before: str
    leaves: tuple[tuple[str, int], ...]


def make(policy: Policy, policy_digest: str, surveyed: Survey) -> Plan[Expire]:
    """Return one step for each rule with overdue rows, in the policy's order."""
    steps = [_step(counted) for counted in surveyed.counted if counted.rows]
    notes = [
        f"{counted.bound.rule.table}: {counted.undated} rows without a date in {counted.bound.by} stay"
        for counted in surveyed.counted
        if counted.undated
    ]
    notes += [f"{failure.target}: {failure.what}" for failure in surveyed.failures]
    return Plan(
        "retention", policy.system, surveyed.database, policy_digest, tuple(steps), tuple(notes)
    )


def within(policy: Policy, steps: tuple[Expire, ...]) -> tuple[list[Expire], list[Failure]]:
    """Return what an unattended run may carry out, and the rules that would pass the cap.

    The cap counts over the whole run, in the policy's order. A rule that would pass it is refused whole:
    half of a surprise is still one.
    """
    allowed: list[Expire] = []
    refused: list[Failure] = []
    left = policy.limits.rows_per_run
    for step in steps:
        if step.rows <= left:
            allowed.append(step)
            left -= step.rows
        else:
            what = f"{step.rows} rows are overdue, and an unattended run may end {left} more"
            hint = (
                "Look at `lifecycle retention plan`; if it is right, `lifecycle retention apply PLAN` "
                "carries it out. The cap is `limits.rows_per_run` in the policy."
            )
            refused.append(Failure(step.target, what, hint))
    return allowed, refused


def _step(counted: Counted) -> Expire:
    bound = counted.bound
    return Expire(
        verb=f"{bound.rule.do} rows" if bound.column is None else f"clear {bound.column}",
        target=bound.rule.table,
        reason=f"{bound.rule.because} (kept {bound.rule.after} from {bound.by})",
        cost=f"{counted.rows} rows in {len(counted.overdue)} tables or partitions",
        rule=bound.place,
        rows=counted.rows,
        before=bound.before.isoformat(),
        leaves=counted.overdue,
    )
