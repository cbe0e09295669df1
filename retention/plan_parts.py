"""Decides which partitions are taken off their tables, and which that stand alone are dropped. Pure.

What is there on legal hold stays where it is, by name; so does what could not be counted. What no rule of today ends is
not dropped, whatever a rule of yesterday said.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from lifecycle.outcome import Failure
from lifecycle.partitions import detach, drop
from lifecycle.partitions.drop import Drop
from lifecycle.plan import Decision, Step
from lifecycle.words import counted, moment
from retention import chunks
from retention.alone import Alone
from retention.count import Counted
from retention.parts import Part
from retention.rule import RetentionRule, words
from retention.survey import Seen

_TIMELESS = "Give them a time, or move them out of it: rows dated -infinity, UUIDs that are not of version 7."
_HOLDS = "`lifecycle holds list` says which."


def decide(seen: Seen, now: datetime) -> Decision[Step]:
    """Return what is finished, taken off and dropped, in this order, what may not be, and what waits until when."""
    steps: list[Step] = []
    refusals: list[Failure] = []
    notes: list[str] = []
    found = [
        *detach.pending(seen.ends),
        *detach.begun(seen.ends, {one.record.relation for one in seen.alone if one.over}),
        *(one for rule in seen.counted if rule.bound.drops for one in _of_rule(seen, rule)),
        *_of_alone(seen, now),
    ]
    for one in found:
        match one:
            case Step():
                steps.append(one)
            case Failure():
                refusals.append(one)
            case str():
                notes.append(one)
    return Decision(tuple(steps), tuple(refusals), tuple(notes))


def _of_rule(seen: Seen, rule: Counted) -> Iterator[Step | Failure | str]:
    table = rule.bound.rule.label
    for part in rule.bound.parts:
        rows = rule.in_part(part)
        if part in rule.held:
            there = rows.rows + rows.on_hold
            what = f"{rows.on_hold:,} of {counted(there, 'row')} on legal hold, so it stays whole"
            yield f"{table}: {part.name}: {what}; {_HOLDS}"
        elif part in rule.kept_back:
            why = unless(rule.bound.rule, rule.kept_back[part])
            yield f"{table}: {part.name}: {why}, so it stays whole"
        elif part.over and rule.bound.kept_elsewhere.isdisjoint(part.leaves):
            yield from _taken_off(seen, rule, part)
        elif part in rule.waiting:
            many = counted(rows.rows, "overdue row")
            yield f"{table}: {many} of {part.name} end with their partition on {part.ends}"


def _taken_off(seen: Seen, rule: Counted, part: Part) -> Iterator[Step | Failure]:
    """Yield how a partition whose time is over ends; a chunk is dropped at once."""
    bound = rule.bound
    if unread := [leaf for leaf in part.leaves if leaf in rule.unread]:
        reason = rule.unread[unread[0]]
        what = (
            f"it is not taken off: whether it has a row on legal hold nobody can tell: {reason.why}"
        )
        yield Failure(part.name, what, reason.hint)
    elif dateless := sum(rule.dateless.get(leaf, 0) for leaf in part.leaves):
        yield Failure(part.name, f"it stays whole: {timeless(dateless)}", _TIMELESS)
    elif bound.chunks:
        # How large a chunk is, its compressed part included, only TimescaleDB can say.
        size = counted(rule.in_part(part).rows, "row")
        yield chunks.planned(seen.catalog, bound, part, size)
    elif not bound.foreign & set(part.leaves):
        why = f"{bound.rule.because} (it ends {bound.rule.ends})"
        step = detach.planned(seen.ends, part.name, why, bound.rule.stands.at_most())
        if isinstance(step, Failure):
            yield step
            return
        size = f"{counted(rule.in_part(part).rows, 'row')}, {_bytes(seen, part.name)}"
        stands = f"it is dropped {bound.rule.stands} later"
        yield replace(step, cost=f"{_bound(step)}: {size}; {step.cost}; {stands}")


def unless(rule: RetentionRule, rows: int) -> str:
    """Say that a rule keeps a partition for rows of it."""
    return f"{counted(rows, 'row')} of which the rule says: {words(rule.kept_back)}"


def timeless(rows: int) -> str:
    """Say that rows tell no time."""
    tell = "tells" if rows == 1 else "tell"
    return f"{counted(rows, 'row')} in it {tell} no time, so nobody knows whether it is over"


def _of_alone(seen: Seen, now: datetime) -> Iterator[Step | Failure | str]:
    decision = drop.planned(seen.ends, now)
    alone = {one.record.relation: one for one in seen.alone}
    yield from decision.refusals
    yield from decision.notes
    due = set[int]()
    for step in decision.steps:
        due.add(step.relation)
        one = alone.get(step.relation)
        yield step if one is None or step.how != "dropped" else _dropped(seen, one, step)
    for one in seen.alone:
        record = one.record
        if record.relation not in due and record.drop_not_before is not None and not record.loaded:
            until = moment(record.drop_not_before)
            many = counted(one.rows, "row")
            yield f"{one.name}: taken off {record.parent}; it stands alone with {many} until {until}"


def _dropped(seen: Seen, one: Alone, step: Drop) -> Drop | Failure | str:
    if one.unread is not None:
        return Failure(one.name, f"it is not dropped: {one.unread.why}", one.unread.hint)
    if not one.over:
        return Failure(
            one.name,
            f"it was taken off {one.record.parent}, and no rule ends it any more: it is not dropped",
            "Attach it again, with the bounds that `lifecycle.detached` has, or drop it by hand.",
        )
    if one.timeless:
        return Failure(one.name, f"it is not dropped: {timeless(one.timeless)}", _TIMELESS)
    if one.kept_back:
        what = f"it is not dropped: {counted(one.kept_back, 'row')} came to have what its rule says `unless` of"
        return Failure(
            one.name, what, "Attach it again, and it is taken off when they have it no more."
        )
    if one.on_hold:
        what = f"{one.on_hold:,} of {counted(one.rows, 'row')} on legal hold, so it is not dropped"
        return f"{one.name}: {what}; {_HOLDS}"
    size = f"{counted(one.rows, 'row')}, {_bytes(seen, one.name)}"
    size += ", archived first, and proven" if one.archive else ""
    return replace(step, cost=f"{_bound(step)}: {size}; {step.cost}")


def _bound(step: Step) -> str:
    """Return the clause of a partition: what takes it off, or drops it, binds its number and that."""
    return step.binds.partition(" ")[2].removeprefix("FOR VALUES ").lower()


def _bytes(seen: Seen, name: str) -> str:
    return f"{seen.sizes.get(name, 0) / 2**20:,.1f} MB"
