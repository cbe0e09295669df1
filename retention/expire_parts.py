"""Takes partitions off their tables and drops what has stood alone for its grace, as `plan_parts.py` decided.

How that is done beside everybody, killed at any instant and gone on with, knows `lifecycle/partitions`. Asked here, in
the transaction that drops: is a row of it on legal hold now? None is placed until that has ended.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
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
from retention.rule import of_partitions
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
    ends = [_End(step.target, step.parent, step.target, "taken off") for step in wanted]
    ends += [_End(step.target, step.table, step.bound, "dropped") for step in pieces]
    left = () if task.seen_by_person else (*_asks(seen, ends, due), *_beyond(task, ends))
    named = {failure.target for failure in left}
    off = take_off.carry_out(task, [*begun, *(step for step in wanted if step.target not in named)])
    due = [step for step in due if step.target not in named]
    archived, unarchived = _archived(task, seen, due)
    wrong = {failure.target for failure in unarchived}
    due = [step for step in due if step.target not in wrong]
    gone = drop.carry_out(task, due, partial(_kept, task, seen, archived))
    pieces = [step for step in pieces if step.target not in named]
    more = chunks.carry_out(task, seen.catalog, pieces)
    dropped = {step.target for step in due if step.how == "dropped"}
    counts = {
        "taken off": len(off.targets),
        "dropped": len(dropped & set(gone.targets)) + len(more.targets),
    }
    return counts, (*left, *off.failures, *unarchived, *gone.failures, *more.failures)


class _End(NamedTuple):
    """What ends of a table, for which time (chunks beside each other are of one), and how."""

    target: str
    table: str
    time: str
    how: str


def _asks(seen: Seen, ends: Iterable[_End], due: Iterable[Drop]) -> Iterator[Failure]:
    """Yield the partitions that an unattended run leaves, as a rule has changed since it was last kept."""
    tables = {one.record.relation: one.record.parent for one in seen.alone}
    dropped = (step for step in due if step.how == "dropped")
    also = (_End(s.target, tables.get(s.relation, ""), s.target, "dropped") for s in dropped)
    for end in (*ends, *also):
        if why := seen.changed.get(of_partitions(end.table)):
            what = f"it is not {end.how}: of the rule about {end.table}, {why}"
            yield Failure(end.target, what, shorter.APPLY)


def _beyond(task: Task, ends: Iterable[_End]) -> tuple[Failure, ...]:
    """Return the partitions that an unattended run leaves, as its rule would end more than the policy lets it."""
    of: dict[str, list[_End]] = defaultdict(list)
    for end in ends:
        of[end.table].append(end)
    most = task.system.policy.limits.partitions_per_run
    return tuple(
        Failure(
            step.target,
            f"{counted(len({one.time for one in steps}), 'partition')} of {parent} would be {step.how}, and an"
            f" unattended run may do that to {most}",
            "Look at `lifecycle retention plan`; if it is right, `lifecycle retention apply PLAN` carries it out. "
            "The cap is `limits.partitions_per_run` in the policy.",
        )
        for parent, steps in of.items()
        if len({one.time for one in steps}) > most
        for step in steps
    )


def _archived(
    task: Task, seen: Seen, due: Iterable[Drop]
) -> tuple[Mapping[int, tuple[Leaf, ...]], tuple[Failure, ...]]:
    """Return, by number, what of these was archived and proven, as its rule wants it, and what could not be."""
    wanted = {one.record.relation: one.record for one in seen.alone if one.archive}
    archived: dict[int, tuple[Leaf, ...]] = {}
    failures: list[Failure] = []
    for step in due:
        if step.relation in wanted and step.how == "dropped":
            try:
                record = wanted[step.relation]
                archived[step.relation] = expire_archived.whole(task, seen.catalog, record)
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
    """Say what keeps it: rows on a hold that stands while it would be dropped, or that were not archived."""
    held = gate.on(gate.standing(conn), task.system.policy, seen.catalog, step.target)
    return _on_hold(task, step, held) or expire_archived.differs(
        task, conn, archived.get(step.relation, ())
    )


def _on_hold(task: Task, step: Drop, held: gate.Held) -> str | None:
    if held.rows is None:
        return None
    with task.system.snapshot("retention.drop") as service:
        row = service.execute(statements.count_alone(step.target, held), held.keys).fetchone()
    assert row is not None
    return f"{row[1]:,} of {counted(row[0], 'row')} on legal hold" if row[1] else None
