"""Decides what would go. Pure: the counts and the policy in, a decision out."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from lifecycle import words
from lifecycle.outcome import Failure
from lifecycle.plan import Decision, Step
from lifecycle.policy.model import Policy
from retention import packed, plan_parts, references
from retention.archive import end
from retention.count import Counted
from retention.survey import Seen


@dataclass(frozen=True, slots=True)
class Expire(Step):
    """End the overdue rows of one rule: `rows` of them at most, which is what a person has seen.

    `rule` is its place in the policy, from 0. `before` is the cutoff in ISO 8601.
    """

    rule: int
    before: str
    leaves: tuple[tuple[str, int], ...]


def decide(policy: Policy, seen: Seen, now: datetime) -> Decision[Step]:  # noqa: ARG001 - every room is asked alike
    """Return one step for each rule with overdue rows, what references before what it references; then partitions.

    Rules that cannot be kept are refused, and so are overdue rows on another server.
    """
    counted = {one.bound.place: one for one in seen.counted if not one.bound.drops}
    order = references.first_what_references(one.bound for one in counted.values())
    steps = [step for bound in order if (step := _step(counted[bound.place])).rows]
    notes = [note for one in seen.counted for note in _notes(seen, one)]
    elsewhere = (failure for one in seen.counted for failure in _elsewhere(one))
    whole = plan_parts.decide(seen, now)
    archives = tuple(end.steps(seen.old))
    notes += [said for said in archives if isinstance(said, str)]
    return Decision(
        (*steps, *whole.steps, *(step for step in archives if not isinstance(step, str))),
        (*seen.failures, *seen.beside, *elsewhere, *whole.refusals),
        (*notes, *whole.notes),
    )


def _notes(seen: Seen, counted: Counted) -> Iterator[str]:
    name = counted.bound.rule.label
    if counted.undated:
        yield f"{name}: {counted.undated} rows without a date in {counted.bound.by} stay"
    if counted.on_hold:
        yield f"{name}: {words.counted(counted.on_hold, 'overdue row')} on legal hold: `lifecycle holds list`"
    for leaf, rows in counted.elsewhere.items():
        many = words.counted(rows, "row")
        yield f"{name}: {many} of {leaf}, a foreign table, whose time is over, stay there (`elsewhere: keep`)"
    if why := seen.changed.get(name):
        yield f"{name}: {why}, so it ends nothing before a person applies this plan"
    for key, rows in counted.referenced.items():
        were = "row is" if rows == 1 else "rows are"
        yield f"{name}: {rows} overdue {were} still referenced from {key}, and stay as long as that is so"


def _elsewhere(counted: Counted) -> Iterator[Failure]:
    for leaf in counted.overdue:
        if leaf.rows and leaf.leaf in counted.bound.foreign - counted.bound.kept_elsewhere:
            yield Failure(
                counted.bound.rule.label,
                f"{words.counted(leaf.rows, 'overdue row')} in {leaf.leaf}, a foreign table",
                "No run of ours deletes on another server: end them there, or detach the partition. Where they are to "
                "stay, the rule says `elsewhere: keep`.",
            )


def _step(counted: Counted) -> Expire:
    bound = counted.bound
    ours = counted.ours
    rows = sum(leaf.rows for leaf in ours)
    keys = "".join(f"{leaf.leaf} {leaf.rows} {leaf.keys}\n" for leaf in ours)
    return Expire(
        verb=f"{bound.rule.do} rows" if bound.column is None else f"clear {bound.column}",
        target=bound.rule.label,
        reason=f"{bound.rule.because} (it ends {bound.rule.ends})",
        cost=f"{rows} rows in {len(ours)} tables or partitions"
        + (", archived first, and proven" if bound.rule.archive else "")
        + (f", into {bound.rule.to}" if bound.rule.to else "")
        + (
            ""
            if not bound.packed
            else "; of compressed chunks batches go whole, those with rows that stay are taken apart"
            if packed.whole(bound)
            else "; compressed chunks with such rows are taken apart first, and stay so until they are compressed again"
        ),
        rule=bound.place,
        rows=rows,
        binds=hashlib.sha256(keys.encode()).hexdigest()[:16],
        before=bound.before.isoformat(),
        leaves=tuple((leaf.leaf, leaf.rows) for leaf in ours),
    )
