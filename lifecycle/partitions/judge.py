"""Looks again: has every period a partition that takes its rows, and is each partition like its parent?

Promised are the periods of each table, the leaves below it and that no row lies in a default partition, as the policy
and the catalog have them now, never what the run believes to have done.
"""

from collections.abc import Iterator
from datetime import datetime

from lifecycle.coverage import Judgement, Looks, Place, Reason
from lifecycle.outcome import Failure
from lifecycle.partitions import cover, plan, sets, survey, tend
from lifecycle.partitions.bounds import KeyType
from lifecycle.partitions.create import Made
from lifecycle.partitions.grid import Slot
from lifecycle.partitions.rule import Partitioning, Then
from lifecycle.partitions.section import SECTION, promised
from lifecycle.partitions.series import Series
from lifecycle.partitions.sets import Bucket
from lifecycle.partitions.survey import Seen
from lifecycle.partitions.tally import tally
from lifecycle.partitions.then import otherwise
from lifecycle.plan import Decision, Step
from lifecycle.policy.model import Policy
from lifecycle.postgres import shut
from lifecycle.postgres.catalog import Branch, Catalog, Table
from lifecycle.postgres.names import policy_name, sql_parts
from lifecycle.promise import Task
from lifecycle.words import counted

_BELOW = Reason(
    "it is partitioned again by another key, and which rows it is asked to take nobody can tell",
    "Look at it by hand: a row between its leaves is refused. A default partition of it would take such a row.",
    "limit",
)

_HOLE = Reason(
    f"no partition takes a row of that time, and it is longer than {plan.MANY} periods",
    "If such rows can still come, make a partition for them by hand; until then each is refused.",
    "limit",
)

_UNFIT = Reason("it is not what the policy says", "What was found of it says what to do.")


def judge(task: Task, seen: Seen, decision: Decision[Step], made: Made) -> Judgement:
    """Return what was promised, looked at and found: read again, unless the run had nothing to change."""
    policy, tables, after = task.system.policy, promised(task.system.policy, task.only), seen
    refused, still = {failure.target for failure in decision.refusals}, decision.refusals
    if decision.steps or seen.spared:
        with task.system.snapshot("partitions judge") as conn:
            after = survey.read(conn, policy, task.only)
        still = plan.decide(policy, after, task.now).refusals
    looks = after.looks
    looks.found(*made.failures, *(f for f in still if f.target not in refused))
    known = refused | {failure.target for failure in made.failures}
    for name, rule in tables.items():
        table = after.catalog.tables.get(name)
        if name in after.shut:
            for place in _promised_of(policy, after.catalog, task, name):
                looks.not_at(place, shut.WHY)
            continue
        if table is not None and plan.fits(table, rule) and not rule.every:
            _set(looks, after, table, rule, told=name in known)
            continue
        slots, every = plan.wanted(policy, table, task.now, name)
        for one in every:
            missing = _missing(looks, one, plan.key_of(table, rule), slots)
            looks.found(*(_still(one.called, slot) for slot in missing if name not in known))
        if table is not None and every:
            _places(looks, after, table, rule, slots, every)
        else:
            looks.not_at(Place("table", name), _UNFIT)
    stale = (n for n in tables if tend.stale(after.sampled.get(n), task.now))
    looks.found(*_unlike(after, made), *(_unsampled(name) for name in stale if name not in known))
    there, wanted = tally(policy, seen.catalog, tables, task.now)
    new = len(made.steps)
    summary = f"{counted(new, 'partition')} made, {there} of {wanted} were there"
    counts = {"wanted": wanted, "made": new, "notes": len(decision.notes)}
    return Judgement(looks.cover(_promised(policy, after.catalog, task)), summary, counts)


def _promised(policy: Policy, catalog: Catalog, task: Task) -> Iterator[Place]:
    for name in promised(policy, task.only):
        yield from _promised_of(policy, catalog, task, name)


def _promised_of(policy: Policy, catalog: Catalog, task: Task, name: str) -> Iterator[Place]:
    yield Place("table", name)
    table = catalog.tables.get(name)
    slots, every = plan.wanted(policy, table, task.now, name)
    yield from (_period(one, slot) for one in every for slot in slots)
    if plan.fits(table, SECTION.of(policy)[name]):
        yield from (_bucket(name, b) for b in sets.wanted(SECTION.of(policy)[name]))
    for branch in table.branches[1:] if table else ():
        yield Place("branch", branch.name)
    for part in table.partitions if table else ():
        yield Place("leaf", part.name)
        if part.default:
            yield Place("default partition", part.name)


def _missing(
    looks: Looks, one: Series, key: KeyType | None, slots: tuple[Slot, ...]
) -> tuple[Slot, ...]:
    """Look whether each period is covered, and return those that are not."""
    name = one.table.name
    with looks.at(Place("table", name), *(_period(one, slot) for slot in slots)):
        return cover.uncovered(cover.attached(one.table, key)[0] if key else (), slots)


def _places(
    looks: Looks,
    after: Seen,
    table: Table,
    rule: Partitioning,
    slots: tuple[Slot, ...],
    every: tuple[Series, ...],
) -> None:
    """Add what is wrong with the partitions of one table, and where nobody can look."""
    name, key = table.name, plan.key_of(table, rule)
    parts = cover.attached(table, key)[0] if key else ()
    for branch in table.branches[1:]:
        _branch(looks, branch, table.partition_key, key, slots, rule.then)
    if rule.then and key:
        for part, way in otherwise(rule.then, table, key, slots):
            looks.not_at(Place("branch", part), _otherwise(way, rule.then))
    for part in table.partitions:
        if part.default and name in after.strays:
            looks.found(_stray(name, part.name))
    looks.found(*_broken(table))
    _own(looks, after, table, cover.taking(parts, slots))
    if key and not any(part.default for part in table.partitions):
        for one in every:
            _holes(looks, after, one, key, slots)


def _holes(looks: Looks, after: Seen, one: Series, key: KeyType, slots: tuple[Slot, ...]) -> None:
    """Name the times of which no partition takes a row, and which are not made."""
    parts, ended = cover.attached(one.table, key)[0], one.of(after.ended.get(one.table.name, ()))
    old = cover.with_ended(parts, ended, key, one.table.nth)
    for lower, upper in cover.holes(old, slots[0].lower):
        looks.not_at(Place("hole", f"of {one.called} between {lower} and {upper}"), _HOLE)


def _set(looks: Looks, after: Seen, table: Table, rule: Partitioning, *, told: bool) -> None:
    """Look whether a set by hash or list is whole, and what its partitions alone have."""
    every_one = [_bucket(table.name, bucket) for bucket in sets.wanted(rule)]
    with looks.at(Place("table", table.name), *every_one):
        whole = sets.broken(table.branches[0])
        left = () if rule.hash else sets.missing(rule, table.branches[0])
    if not told:
        looks.found(*([whole] if whole else []))
        looks.found(*(_still(table.name, bucket) for bucket in left))
    for branch in table.branches[1:]:
        _branch(looks, branch)
    looks.found(*_broken(table))
    _own(looks, after, table, frozenset(part.name for part in table.partitions))


def _branch(
    looks: Looks,
    branch: Branch,
    column: str | None = None,
    key: KeyType | None = None,
    slots: tuple[Slot, ...] = (),
    then: Then | None = None,
) -> None:
    """Look whether what hangs below a partition takes every row that comes to it, of the promised time."""
    place = Place("branch", branch.name)
    if branch.strategy == "hash":
        with looks.at(place):
            wrong = sets.broken(branch)
        looks.found(*([wrong] if wrong else []))
    elif any(bound == "DEFAULT" for _, bound in branch.children):
        with looks.at(place):
            pass  # it takes whatever comes
    elif branch.strategy == "range" and branch.key == column and key is not None:
        with looks.at(place):
            left = tuple(cover.below(branch, key, slots))
        looks.found(*(_between(branch, *gap) for gap in left))
    elif then and then.list and (branch.strategy, branch.key) == ("list", then.by):
        with looks.at(place):
            lacking = sets.missing(then, branch)
        looks.found(*(_still(branch.name, bucket) for bucket in lacking))
    else:
        looks.not_at(place, _BELOW)


def _otherwise(way: str, then: Then) -> Reason:
    """Say of a partition that was there before `then` how it is: what it takes is judged by that, where one can."""
    return Reason(
        f"it was made otherwise: {way}, and `then` says by {then.strategy} of {then.by}",
        "Partitions that are there are not made anew: replace it by hand, or wait until its time is over. Where it is "
        "partitioned again, a row that none of its leaves takes is refused.",
        "limit",
    )


def _between(branch: Branch, lower: datetime, upper: datetime) -> Failure:
    return Failure(
        branch.name,
        f"it is partitioned again, and none of its leaves takes a row between {lower} and {upper}",
        "Make a partition of it for that time: until then such a row is refused.",
    )


def _bucket(name: str, bucket: Bucket) -> Place:
    return Place("bucket", f"{name}_{bucket.label}")


def _period(one: Series, slot: Slot) -> Place:
    return Place("period", f"{one.table.name}_{one.label}{slot.label}")


def _still(name: str, slot: Slot | Bucket) -> Failure:
    what = f"a partition is still missing, for {slot.label}"
    return Failure(name, what, "Run `lifecycle partitions plan`.")


def _stray(name: str, part: str) -> Failure:
    return Failure(
        name,
        f"rows lie in the default partition {part}",
        "Move them by hand into a partition of their time: none can be made over them, and no rule finds them by it.",
    )


def _broken(table: Table) -> Iterator[Failure]:
    for part in table.partitions:
        if part.kind == "p":
            what = f"{part.name} is partitioned again and has no leaf: every row that comes to it is refused"
            hint = f"Make a partition of {part.name}, or replace it by a plain one."
            yield Failure(table.name, what, hint)
    for pending in table.detaching:
        what = (
            f"the detach of {pending} was interrupted: nobody finds its rows through {table.name}"
        )
        hint = "Finish it: `alter table ... detach partition ... finalize`, then run again."
        yield Failure(table.name, what, hint)


def _own(looks: Looks, after: Seen, table: Table, taking: frozenset[str]) -> None:
    """Find what refuses or loses the rows of a promised period; of another time it may be meant, and is named."""
    for part in table.partitions:
        difference = after.differences.get(sql_parts(part.name))
        if difference is None or not difference.own:
            continue
        what = f"it alone has {', '.join(difference.own)}"
        if part.name in taking:
            hint = f"Rows that {table.name} takes are refused there or lost: take it away, or give it to {table.name}."
            looks.found(Failure(part.name, f"the partition is not like its parent: {what}", hint))
        else:
            looks.not_at(
                Place("leaf", part.name),
                Reason(
                    f"{what}, and whether that is meant nobody can tell",
                    "Look at it by hand: late rows may be refused there or lost.",
                    "limit",
                ),
            )


def _unlike(after: Seen, made: Made) -> Iterator[Failure]:
    ours = {(step.schema, step.relname) for step in made.steps}
    for (schema, name), difference in sorted(after.differences.items()):
        wrong = difference.open + (difference.lacking if (schema, name) in ours else ())
        if wrong:
            yield Failure(
                policy_name(schema, name),
                f"the partition is not like its parent: {', '.join(wrong)}",
                "`lifecycle partitions plan` shows what would mend it, and its `apply` does; an owner or a trigger is "
                "mended by hand: `alter table ... owner to`.",
            )


def _unsampled(name: str) -> Failure:
    what = (
        "the planner has no samples of it, or old ones: it plans queries of the whole table blindly"
    )
    return Failure(name, what, f"Its owner runs: analyze {name};")
