"""Decides all that a run does for partitioned tables: what `plan.py` makes, and what keeps the rest in order. Pure.

A detach that was interrupted is finished before anything else. A partition that lets somebody past its parent, or lacks
what its parent has, is mended where a person has seen the plan: by whom its rights are meant, nobody else can tell.
The planner's samples of a parent are drawn anew, for autovacuum never does: where its leaves have some, and it has
none, or old ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifecycle.partitions import detach, plan
from lifecycle.partitions.section import promised
from lifecycle.partitions.step import CreatePartition
from lifecycle.partitions.survey import Sampled, Seen
from lifecycle.plan import Decision, Step
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Table
from lifecycle.postgres.names import policy_name, sql_parts
from lifecycle.postgres.waits import Need

OLD = timedelta(days=7)
"""Samples of a parent are drawn anew after so long, if those of a leaf are newer. Before 18 that reads every leaf."""

ONLY = 18
"""The first version that draws samples of a parent alone, in a moment."""


@dataclass(frozen=True, slots=True)
class Analyze(Step):
    """Have the planner draw its samples of a partitioned table anew; `only`: and not those of its partitions."""

    owner: str
    only: bool
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Mend(Step):
    """Give a partition the row security, policies, grants, replica identity and statistics targets of its parent."""

    parent: str
    schema: str
    relname: str
    parent_relname: str
    owner: str
    needs: tuple[Need, ...]


def decide(policy: Policy, seen: Seen, now: datetime) -> Decision[Step]:
    """Return the steps in their order: finish, make, mend, analyse."""
    made = plan.decide(policy, seen, now)
    tables = [
        seen.catalog.tables[n] for n in promised(policy, seen.only) if n in seen.catalog.tables
    ]
    ours = [table for table in tables if table.name not in {*seen.managed, *seen.shut}]
    detaching = {p for table in ours for p in table.detaching}
    steps: list[Step] = [s for s in detach.pending(seen.ends) if s.target in detaching]
    steps += made.steps
    steps += [step for table in ours for step in _mended(seen, table)]
    grown = {step.parent for step in made.steps}
    steps += [
        _analyze(seen, table)
        for table in ours
        if stale(seen.sampled.get(table.name), now)
        or (table.name in grown and seen.catalog.version >= ONLY and _known(seen, table))
    ]
    return Decision(tuple(steps), made.refusals, made.notes)


def created(decision: Decision[Step]) -> Decision[CreatePartition]:
    """Return of a decision what makes partitions."""
    steps = tuple(step for step in decision.steps if isinstance(step, CreatePartition))
    return Decision(steps, decision.refusals, decision.notes)


def stale(sampled: Sampled | None, now: datetime) -> bool:
    """Say whether the planner knows the leaves of a table, and of the table itself nothing, or what is old."""
    if sampled is None or sampled.leaves is None:
        return False
    return sampled.parent is None or (
        sampled.parent < sampled.leaves and sampled.parent < now - OLD
    )


def _known(seen: Seen, table: Table) -> bool:
    sampled = seen.sampled.get(table.name)
    return sampled is not None and sampled.leaves is not None


def _analyze(seen: Seen, table: Table) -> Analyze:
    sampled = seen.sampled[table.name]
    only = seen.catalog.version >= ONLY
    drawn = "never" if sampled.parent is None else f"on {sampled.parent:%Y-%m-%d}"
    return Analyze(
        verb="analyze",
        target=table.name,
        reason=f"the planner's samples of it were drawn {drawn}, and autovacuum draws those of its leaves only",
        cost="a sample of its rows is read, beside readers and writers"
        + ("" if only else "; before PostgreSQL 18 each leaf is analysed with it"),
        owner=table.owner,
        only=only,
        needs=tuple(
            Need(name, "ShareUpdateExclusiveLock")
            for name in ((table.name,) if only else table.relations)
        ),
    )


def _mended(seen: Seen, table: Table) -> Iterator[Mend]:
    for branch in table.branches:
        for name, _ in branch.children:
            schema, relname = sql_parts(name)
            difference = seen.differences.get((schema, relname))
            if difference is None:
                continue
            wrong = (*difference.open, *difference.lacking)
            if not wrong or any(
                w.startswith(("it belongs to", "it lacks a trigger")) for w in wrong
            ):
                continue  # another owner's, or a trigger's: nobody here may, or can
            parent_schema, parent = sql_parts(branch.name)
            if parent_schema != schema:
                continue
            yield Mend(
                verb="mend partition",
                target=policy_name(schema, relname),
                reason=f"it is not like its parent: {', '.join(wrong)}",
                cost=f"{name} with nobody, for an instant; only where a person has seen the plan",
                parent=branch.name,
                schema=schema,
                relname=relname,
                parent_relname=parent,
                owner=table.owner,
                binds=seen.shapes.get(table.name, ""),
                needs=(Need(name, "AccessExclusiveLock"),),
            )
