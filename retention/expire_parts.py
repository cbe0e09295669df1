"""Takes partitions off their tables and drops what has stood alone for its grace, as `plan_parts.py` decided.

How that is done beside everybody, killed at any instant and gone on with, knows `lifecycle/partitions`. Asked here, in
the transaction that drops: is a row of it on legal hold now? None is placed until that has ended.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.holds import gate
from lifecycle.outcome import Failure
from lifecycle.partitions import drop, take_off
from lifecycle.partitions.detach import Detach, Finish
from lifecycle.partitions.drop import Drop
from lifecycle.plan import Decision, Step
from lifecycle.promise import Task
from lifecycle.words import counted
from retention import statements_of_rows as statements
from retention.survey import Seen


def carry_out(
    task: Task, seen: Seen, decision: Decision[Step]
) -> tuple[Mapping[str, int], tuple[Failure, ...]]:
    """Return how many were taken off and dropped, and what could not be. What stops one, stops no other.

    Raise Fenced when another process holds the run, Unreachable when the server goes away.
    """
    begun = [step for step in decision.steps if isinstance(step, Finish)]
    wanted = [step for step in decision.steps if isinstance(step, Detach)]
    due = [step for step in decision.steps if isinstance(step, Drop)]
    too_many = () if task.seen_by_person else (*_asks(seen, wanted), *_beyond(task, wanted))
    left = {failure.target for failure in too_many}
    off = take_off.carry_out(task, [*begun, *(step for step in wanted if step.target not in left)])
    gone = drop.carry_out(task, due, partial(_kept, task, seen))
    dropped = {step.target for step in due if step.how == "dropped"}
    counts = {
        "taken off": len(off.targets),
        "dropped": len(dropped & set(gone.targets)),
    }
    return counts, (*too_many, *off.failures, *gone.failures)


def _asks(seen: Seen, wanted: Iterable[Detach]) -> Iterator[Failure]:
    """Yield the partitions that an unattended run leaves, as a rule has changed since it was last kept."""
    for step in wanted:
        if why := seen.changed.get(step.parent):
            what = f"it is not taken off: of the rule about {step.parent}, {why}"
            hint = "Look at `lifecycle retention plan`; after `lifecycle retention apply PLAN` every run does it."
            yield Failure(step.target, what, hint)


def _beyond(task: Task, wanted: Iterable[Detach]) -> tuple[Failure, ...]:
    """Return the partitions that an unattended run leaves, as its rule would take off more than the policy lets it."""
    of: dict[str, list[Detach]] = defaultdict(list)
    for step in wanted:
        of[step.parent].append(step)
    most = task.system.policy.limits.partitions_per_run
    return tuple(
        Failure(
            step.target,
            f"{counted(len(steps), 'partition')} of {parent} would be taken off, and an unattended run may do that to"
            f" {most}",
            "Look at `lifecycle retention plan`; if it is right, `lifecycle retention apply PLAN` carries it out. "
            "The cap is `limits.partitions_per_run` in the policy.",
        )
        for parent, steps in of.items()
        if len(steps) > most
        for step in steps
    )


def _kept(task: Task, seen: Seen, conn: Connection[TupleRow], step: Drop) -> str | None:
    """Say which rows keep it: those on a hold that stands while it would be dropped."""
    held = gate.on(gate.standing(conn), task.system.policy, seen.catalog, step.target)
    if held is None:
        return None
    with task.system.snapshot("retention.drop") as service:
        row = service.execute(statements.count_alone(step.target, held)).fetchone()
    assert row is not None
    return f"{row[1]:,} of {counted(row[0], 'row')} on legal hold" if row[1] else None
