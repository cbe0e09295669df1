"""Decides how a partition is taken off its table, and what an earlier run began and could not end. Pure.

CONCURRENTLY where PostgreSQL can: readers and writers of the table go on. Else with the table to itself for an instant,
which the plan says: beside a default partition, and where a foreign key leads to the partition, as then PostgreSQL asks
the referencing table, under a lock on it, whether a row is left without what it references.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from lifecycle.outcome import Failure
from lifecycle.partitions.ends import Child, Ends, Record
from lifecycle.plan import Step
from lifecycle.postgres.waits import LIMIT, Need

_BACK = "Attach it again, with the bounds that `lifecycle.detached` has, or drop it by hand."


@dataclass(frozen=True, slots=True)
class Detach(Step):
    """Take a partition off its table. It binds the partition by its number: another of its name is not taken.

    `concurrently`: beside readers and writers. `referenced`: a foreign key leads to it.
    """

    parent: str
    schema: str
    owner: str
    relation: int
    why: str
    grace: timedelta
    concurrently: bool
    referenced: bool
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Finish(Step):
    """Finish what was begun: a detach that was interrupted, or one that was done and not written down.

    `ours`: it was begun by a run, which wrote that down. What somebody else began is only finished.
    """

    parent: str
    schema: str
    owner: str
    relation: int
    ours: bool
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Withdraw(Step):
    """Take back the note of a detach that never began: the partition is where it was, or gone (`how`)."""

    relation: int
    how: Literal["not begun", "gone"]


def pending(seen: Ends) -> tuple[Finish, ...]:
    """Return what was begun and stands in the way of every other detach of its table. It goes before all else."""
    begun = {r.relation for r in seen.records if r.at is None and not r.loaded}
    return tuple(_finish(c, c.relation in begun) for c in seen.children.values() if c.pending)


def begun(seen: Ends, ending: Container[int]) -> Iterator[Finish | Withdraw | Failure]:
    """Yield what becomes of detaches that were noted and are not pending. `ending`: what a rule of today ends.

    A note is kept no longer than a run. Else who takes that partition off by hand one day would be taken for a run of
    ours that was killed, and the partition he wants to keep for one that is to be dropped.
    """
    for record in seen.records:
        if record.at is not None or (
            not record.loaded
            and any(c.relation == record.relation for c in seen.children.values() if c.pending)
        ):
            continue
        if record.called is None:
            yield _withdraw(record, "gone")
        elif record.attached:
            yield _withdraw(record, "not begun")
        elif record.called == record.name and record.relation in ending and not record.loaded:
            yield _note(record)
        else:
            what = f"a run was to take it off {record.parent}, it stands alone as {record.called}, and no rule ends it"
            yield Failure(record.name, f"{what}: nothing is done to it", _BACK)


def _finish(child: Child, ours: bool) -> Finish:
    return Finish(
        verb="finish the detach of",
        target=child.name,
        reason="its detach was interrupted: nobody finds its rows, and no other partition can be taken off",
        cost=f"{child.name} with nobody, for an instant; transactions older than that are waited for",
        parent=child.parent,
        schema=child.schema,
        owner=child.parent_owner,
        relation=child.relation,
        ours=ours,
        needs=(
            Need(child.parent, "ShareUpdateExclusiveLock"),
            Need(child.name, "AccessExclusiveLock"),
            *(Need(name, "ShareRowExclusiveLock") for name in child.references),
            *(Need(r.table, "AccessExclusiveLock") for r in child.referenced_by),
        ),
    )


def _withdraw(record: Record, how: Literal["not begun", "gone"]) -> Withdraw:
    return Withdraw(
        verb="forget the detach of",
        target=record.name,
        reason="a run was to take it off, and did not begin"
        if how == "not begun"
        else "it is gone",
        cost="nothing",
        binds=f"{record.relation} {record.bound}",
        relation=record.relation,
        how=how,
    )


def _note(record: Record) -> Finish:
    return Finish(
        verb="finish the detach of",
        target=record.name,
        reason="it was taken off, and the run ended before that was written down",
        cost="nothing",
        parent=record.parent,
        schema=record.schema,
        owner=record.owner,
        relation=record.relation,
        ours=True,
        needs=(Need(record.name, "AccessExclusiveLock"),),
    )


def planned(seen: Ends, child: str, why: str, grace: timedelta) -> Detach | Failure:
    """Return the step that takes a partition off, or why it cannot be. `why` is the written rule behind it."""
    part = seen.children.get(child)
    if part is None:
        return Failure(
            child,
            "it is no partition",
            "Compare the policy with the database: `lifecycle policy check`.",
        )
    if part.kind == "f":
        hint = "Take it off by hand, and end its rows where they are."
        return Failure(child, "its rows lie on another server or in a file", hint)
    if part.others:
        name, other = part.others[0]
        who = "it" if name == child else f"{name}, below it,"
        what = f"{who} belongs to {other}, and {part.parent} to {part.parent_owner}"
        return Failure(
            child, what, f"An administrator runs: alter table {name} owner to {part.parent_owner};"
        )
    concurrently = part.default is None and not part.referenced_by
    needs = [
        Need(part.parent, "ShareUpdateExclusiveLock" if concurrently else "AccessExclusiveLock"),
        Need(child, "AccessExclusiveLock"),
        *(Need(name, "ShareRowExclusiveLock") for name in part.references),
        *(Need(r.table, "AccessExclusiveLock") for r in part.referenced_by),
        *([Need(part.default, "AccessExclusiveLock")] if part.default else []),
    ]
    return Detach(
        verb="detach partition",
        target=child,
        reason=why,
        cost=_cost(part, concurrently),
        binds=f"{part.relation} {part.bound}",
        parent=part.parent,
        schema=part.schema,
        owner=part.owner,
        relation=part.relation,
        why=why,
        grace=grace,
        concurrently=concurrently,
        referenced=bool(part.referenced_by),
        needs=tuple(needs),
    )


def _cost(part: Child, concurrently: bool) -> str:
    costs = [f"it stands alone then, and nobody but {part.owner} has a right on it"]
    if concurrently:
        costs.append(
            f"{part.parent} is shared with readers and writers; their transactions are waited for"
        )
    else:
        reason = (
            f"beside the default partition {part.default} PostgreSQL knows no other way"
            if part.default
            else "a foreign key leads to it"
        )
        costs.append(f"{part.parent} with nobody, for an instant: {reason}")
    costs.extend(
        f"{reference.table} with nobody, while PostgreSQL looks whether its rows reference it"
        f" ({reference.bytes // 2**20} MB{'' if reference.indexed else ', without an index for that'})"
        for reference in part.referenced_by
    )
    costs.append(f"no lock is waited for longer than {LIMIT}")
    return "; ".join(costs)
