"""Takes partitions off their tables and drops what has stood alone for its grace, as `plan_parts.py` decided.

How that is done beside everybody, killed at any instant and gone on with, knows `lifecycle/partitions`. Asked here, in
the transaction that drops: is a row of it on legal hold now? None is placed until that has ended.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import partial
from typing import NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.errors import Unproven
from lifecycle.holds import gate
from lifecycle.outcome import Failure
from lifecycle.partitions import drop, take_off
from lifecycle.partitions.detach import Detach, Finish, Withdraw
from lifecycle.partitions.drop import Drop
from lifecycle.plan import Decision, Step
from lifecycle.promise import Task
from lifecycle.words import counted
from retention import chunks, expire_archived, shorter
from retention import statements_of_rows as statements
from retention.chunks import DropChunk
from retention.expire_archived import Leaf
from retention.plan_parts import timeless, unless
from retention.rule import of_partitions
from retention.rules import Bound
from retention.survey import Seen


def carry_out(
    task: Task, seen: Seen, decision: Decision[Step]
) -> tuple[Mapping[str, int], tuple[Failure, ...]]:
    """Return how many were taken off and dropped, and what could not be. What stops one, stops no other.

    Raise Fenced when another process holds the run, Unreachable when the server goes away.
    """
    begun = [step for step in decision.steps if isinstance(step, Finish | Withdraw)]
    wanted = [step for step in decision.steps if isinstance(step, Detach)]
    due = [step for step in decision.steps if isinstance(step, Drop)]
    pieces = [step for step in decision.steps if isinstance(step, DropChunk)]
    ends = [_End(step.parent, step.target, "taken off") for step in wanted]
    ends += [_End(step.table, step.bound, "dropped") for step in pieces]
    of = {one.record.relation: one.record.parent for one in seen.alone}
    alone = [_End(of.get(step.relation, ""), step.target, "dropped") for step in due]
    asks = {} if task.seen_by_person else _asks(seen, [*ends, *alone])
    left = asks if task.seen_by_person else _beyond(task, ends) | asks
    ended = [step for step in due if step.how != "dropped"]
    told = drop.carry_out(
        task, ended, partial(_kept, task, seen, {})
    )  # before one is taken off anew
    off = take_off.carry_out(task, [*begun, *(step for step in wanted if step.parent not in left)])
    due = [s for s in due if s.how == "dropped" and of.get(s.relation, "") not in asks]
    archived, unarchived = _archived(task, seen, due)
    wrong = {failure.target for failure in unarchived}
    due = [step for step in due if step.target not in wrong]
    gone = drop.carry_out(task, due, partial(_kept, task, seen, archived))
    pieces = [step for step in pieces if step.table not in left]
    more = chunks.carry_out(task, seen.catalog, pieces)
    counts = {
        "taken off": len(off.targets),
        "dropped": len(gone.targets) + len(more.targets),
    }
    return counts, (
        *left.values(),
        *told.failures,
        *off.failures,
        *unarchived,
        *gone.failures,
        *more.failures,
    )


class _End(NamedTuple):
    """A partition that ends: of which table, of which time (chunks beside each other are of one), and how."""

    table: str
    time: str
    how: str


def _asks(seen: Seen, ends: Iterable[_End]) -> dict[str, Failure]:
    """Return, by table, why an unattended run ends nothing of it: its rule has changed since it was last kept."""
    return {
        table: Failure(label, f"{why}, and {many}: a person has to see that first", shorter.APPLY)
        for table, (_, many) in _by_table(ends).items()
        if (why := seen.changed.get(label := of_partitions(table)))
    }


def _beyond(task: Task, ends: Iterable[_End]) -> dict[str, Failure]:
    """Return, by table, why an unattended run ends nothing of it: that would be more than the policy lets it."""
    most = task.system.policy.limits.partitions_per_run
    return {
        table: Failure(
            of_partitions(table),
            f"{many}, and an unattended run may do that to {most}",
            "Look at `lifecycle retention plan`; if it is right, `lifecycle retention apply PLAN` carries it out. "
            "The cap is `limits.partitions_per_run` in the policy.",
        )
        for table, (times, many) in _by_table(ends).items()
        if times > most
    }


def _by_table(ends: Iterable[_End]) -> dict[str, tuple[int, str]]:
    """Return, by table, of how many times partitions end, and that in words."""
    of: dict[str, list[_End]] = defaultdict(list)
    for end in ends:
        of[end.table].append(end)
    found = {table: (len({one.time for one in its}), its[0].how) for table, its in of.items()}
    return {t: (n, f"{counted(n, 'partition')} would be {how}") for t, (n, how) in found.items()}


def _archived(
    task: Task, seen: Seen, due: Iterable[Drop]
) -> tuple[Mapping[int, tuple[Leaf, ...]], tuple[Failure, ...]]:
    """Return, by number, what of these was archived and proven, as its rule wants it, and what could not be."""
    wanted = {one.record.relation: one for one in seen.alone if one.archive}
    rules = {one.bound.table: one.bound.rule for one in seen.counted if one.bound.drops}
    archived: dict[int, tuple[Leaf, ...]] = {}
    failures: list[Failure] = []
    for step in due:
        if step.relation in wanted and step.how == "dropped":
            try:
                one = wanted[step.relation]
                rule = rules.get(one.record.parent) if one.over else None
                leaves = expire_archived.whole(task, seen.catalog, one.record, rule)
                archived[step.relation] = leaves
            except Unproven as error:
                failures.append(
                    Failure(step.target, f"it is not dropped: {error.what}", error.hint)
                )
    return archived, tuple(failures)


def _kept(
    task: Task,
    seen: Seen,
    archived: Mapping[int, tuple[Leaf, ...]],
    conn: Connection[TupleRow],
    step: Drop,
) -> str | None:
    """Say what keeps it: rows on a hold that stands while it would be dropped, without a time, or not archived."""
    held = gate.on(gate.standing(conn), task.system.policy, seen.catalog, step.target)
    table = next(o.record.parent for o in seen.alone if o.record.relation == step.relation)
    bounds = (one.bound for one in seen.counted if one.bound.drops and one.bound.table == table)
    return _rows(task, step, held, next(bounds, None)) or expire_archived.differs(
        task, conn, archived.get(step.relation, ())
    )


def _rows(task: Task, step: Drop, held: gate.Held, bound: Bound | None) -> str | None:
    with task.system.snapshot("retention.drop") as service:
        counting = statements.count_alone(step.target, held, bound)
        found = service.execute(counting, held.keys).fetchone() or (0, 0, 0, 0)
        rows, on_hold, dateless, kept_back = found
    if on_hold:
        return f"{on_hold:,} of {counted(rows, 'row')} on legal hold"
    if kept_back and bound:
        return unless(bound.rule, kept_back)
    return timeless(dateless) if dateless else None
