"""Counts again what rules that drop partitions left: partitions past their time that stand, and what stands alone."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from lifecycle.coverage import Looks
from lifecycle.outcome import Failure
from lifecycle.words import counted, moment
from retention import places
from retention.alone import Alone
from retention.count import Counted
from retention.rule import of_partitions
from retention.survey import Seen


def judge(looks: Looks, after: Seen, now: datetime, known: frozenset[str]) -> None:
    """Write down what is overdue and not `known`: told already, by the partition's name or for its whole rule."""
    for rule in after.counted:
        if rule.bound.drops:
            looks.found(*_still(rule, known))
    for one in after.alone:
        if one.unread is not None:
            looks.not_at(places.alone(one.name), one.unread)
        elif known.isdisjoint({one.name, of_partitions(one.record.parent)}) and _late(one, now):
            looks.found(_stands(one))


def _still(rule: Counted, known: frozenset[str]) -> Iterator[Failure]:
    of = {leaf: part for part in rule.bound.parts for leaf in part.leaves}
    for leaf in rule.ours:
        part = of.get(leaf.leaf)
        whole = part is not None and part.over and rule.bound.rule.label in known
        if whole or (part.name if part else leaf.leaf) in known:
            continue
        many = counted(leaf.rows, "row")
        if part is None or part.over:
            hint = "What was in its way is told beside it; the next run tries again."
            yield Failure(rule.bound.rule.label, f"{many} still overdue in {leaf.leaf}", hint)
        else:
            yield Failure(
                rule.bound.rule.label,
                f"{many} overdue in {leaf.leaf}, which has no upper bound, so it never ends",
                "Move them into partitions of their time: no rule drops a default partition or one without an end.",
            )


def _late(one: Alone, now: datetime) -> bool:
    due = one.record.drop_not_before
    return one.over and not one.on_hold and one.record.due and due is not None and due <= now


def _stands(one: Alone) -> Failure:
    assert one.record.drop_not_before is not None
    until = moment(one.record.drop_not_before)
    return Failure(
        one.name,
        f"it was to be dropped after {until}, and stands with {counted(one.rows, 'row')}",
        "What was in its way is told beside it; the next run tries again.",
    )


def counts(after: Seen) -> dict[str, int]:
    """Return how many overdue rows wait for the end of their partition, and how many rows stand alone."""
    drops = [rule for rule in after.counted if rule.bound.drops]
    waiting = sum(rule.in_part(part).rows for rule in drops for part in rule.waiting)
    alone = sum(one.rows for one in after.alone)
    found = {"waiting for their partition": waiting, "in their grace": alone}
    return {name: rows for name, rows in found.items() if rows}


def status(seen: Seen) -> Iterable[tuple[object, ...]]:
    """Yield a line for each partition that stands alone, as `retention status` has them."""
    for one in seen.alone:
        record = one.record
        until = record.drop_not_before.date() if record.drop_not_before else ""
        wrong = one.unread.why if one.unread else "" if one.over else "no rule ends it any more"
        rule = f"{one.name} (taken off {record.parent})"
        yield (
            rule,
            "drop",
            until,
            "",
            0,
            None,
            one.on_hold,
            0,
            wrong or f"{one.rows:,} rows in their grace",
        )
