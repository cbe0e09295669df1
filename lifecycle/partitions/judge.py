"""Looks again afterwards: has every period a partition that takes its rows, and is each partition like its parent?

Promised are the periods of each table and the leaves below it, as the policy and the catalog have them now. Nothing is
taken from what the run believes to have done.
"""

from collections.abc import Iterator
from datetime import datetime

from lifecycle.coverage import Coverage, Judgement, Place, Reason
from lifecycle.outcome import Failure
from lifecycle.partitions import plan, survey
from lifecycle.partitions.create import Made
from lifecycle.partitions.plan import CreatePartition
from lifecycle.partitions.section import SECTION
from lifecycle.partitions.survey import Seen
from lifecycle.plan import Decision
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Partition, Table
from lifecycle.postgres.names import policy_name
from lifecycle.promise import Listing, Task
from lifecycle.system import System

_BELOW = Reason(
    "it is partitioned again, and what its own leaves take and grant is not compared yet",
    "Look at it by hand: a row between its leaves is refused, and a leaf may be read past its parent.",
    "limit",
)


def judge(task: Task, seen: Seen, decision: Decision[CreatePartition], made: Made) -> Judgement:
    """Read everything again and return what was promised, looked at and found."""
    policy = task.system.policy
    with task.system.snapshot("partitions judge") as conn:
        after = survey.read(conn, policy, task.only)
    known = {failure.target for failure in (*made.failures, *decision.refusals)}
    still = plan.decide(policy, after, task.now)
    coverage = Coverage(frozenset(), frozenset(), made.failures)
    for name in plan.promised(policy, task.only):
        coverage |= _table(policy, after, task.now, name)
    missing = dict.fromkeys(step.parent for step in still.steps if step.parent not in known)
    found = [
        Failure(p, "a partition is still missing", "Run `lifecycle partitions plan`.")
        for p in missing
    ]
    found += [f for f in still.refusals if f.target not in {r.target for r in decision.refusals}]
    found += _unlike(after, made)
    wanted = sum(
        len(plan.periods(policy, seen.catalog.tables.get(n), task.now, n))
        for n in SECTION.of(policy)
    )
    there = wanted - len(decision.steps)
    summary = f"{len(made.steps)} partitions made, {there} of {wanted} were there"
    counts = {"wanted": wanted, "made": len(made.steps), "notes": len(decision.notes)}
    return Judgement(coverage, summary, counts).with_found(found)


def _table(policy: Policy, after: Seen, now: datetime, name: str) -> Coverage:
    """Return the periods and leaves of one table, and which of them could be looked at."""
    table = after.catalog.tables.get(name)
    if table is None:  # refused by the plan, with what to do
        return Coverage(frozenset({Place("table", name)}), frozenset())
    slots = plan.periods(policy, table, now, name)
    periods = frozenset(Place("period", f"{name}_{slot.label}") for slot in slots)
    leaves = frozenset(Place("leaf", part.name) for part in table.partitions)
    promised = {Place("table", name), *periods, *leaves}
    unseen = {Place("leaf", part.name): _BELOW for part in table.partitions if part.parent != name}
    found = tuple(_without_leaf(table, part) for part in table.partitions if part.kind == "p")
    return Coverage(frozenset(promised), frozenset(promised - set(unseen)), found, unseen)


def _without_leaf(table: Table, part: Partition) -> Failure:
    return Failure(
        table.name,
        f"{part.name} is partitioned again and has no leaf: every row of its period is refused",
        f"Make a partition of {part.name}, or replace it by a plain one.",
    )


def _unlike(after: Seen, made: Made) -> Iterator[Failure]:
    ours = {(step.schema, step.relname) for step in made.steps}
    for (schema, name), difference in sorted(after.differences.items()):
        wrong = difference.open + (difference.lacking if (schema, name) in ours else ())
        if wrong:
            yield Failure(
                policy_name(schema, name),
                f"the partition is not like its parent: {', '.join(wrong)}",
                "Compare row security, policies, grants and triggers of the two, and mend the partition.",
            )


def status(system: System, now: datetime) -> Listing:
    """Return, per table, how many partitions exist, how many are wanted and are missing, and what is in the way."""
    seen = survey.survey(system, now, None)
    decision = plan.decide(system.policy, seen, now)
    missing = [step.parent for step in decision.steps]
    blocked = {failure.target: failure.what for failure in decision.refusals}
    tables = seen.catalog.tables
    rows = [
        (
            name,
            wanted.every,
            len(tables[name].partitions) if name in tables else 0,
            wanted.ahead,
            missing.count(name),
            blocked.get(name, ""),
        )
        for name, wanted in SECTION.of(system.policy).items()
    ]
    columns = ("table", "every", "partitions", "ahead", "missing", "in the way")
    return Listing("partitions", columns, rows)
