"""Counts again what rules that drop partitions left: partitions past their time that stand, and what stands alone."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from lifecycle.coverage import Looks
from lifecycle.outcome import Failure
from lifecycle.partitions import drop
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
            looks.found(*_still(rule, known), *_empty(rule, known), *_heavy(rule, known))
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


def _empty(rule: Counted, known: frozenset[str]) -> Iterator[Failure]:
    """Yield the partitions past their time that have no row, and so no overdue one."""
    label = rule.bound.rule.label
    for part in () if label in known else rule.too_many:
        told = part.name in known or not rule.unread.keys().isdisjoint(part.leaves)
        if not told and not rule.in_part(part).rows:
            hint = "What was in its way is told beside it; the next run tries again."
            yield Failure(label, f"{part.name} was to end, and stands without a row", hint)


def _heavy(rule: Counted, known: frozenset[str]) -> Iterator[Failure]:
    """Yield that a table is larger than promised, where all that may end has ended."""
    bound, most = rule.bound, rule.bound.rule.bytes
    kept = rule.held or rule.kept_back or rule.too_many
    if most is not None and bound.weighs > most and not kept and bound.rule.label not in known:
        yield Failure(
            bound.rule.label,
            f"{bound.table} takes {bound.weighs / 2**20:,.1f} MB, and {bound.rule.size} are promised: nothing that "
            "may end is left",
            "Partitions of the present, and of the time that a floor of the policy keeps, do not end by a size. Write "
            "a larger one, shorter partitions, or lower the floor on purpose.",
        )


def _late(one: Alone, now: datetime) -> bool:
    due = one.record.drop_not_before
    late = one.record.due and due is not None and due <= now
    return one.over and not one.on_hold and late and not one.record.loaded


def _stands(one: Alone) -> Failure:
    assert one.record.drop_not_before is not None
    until = moment(one.record.drop_not_before)
    return Failure(
        one.name,
        f"it was to be dropped after {until}, and stands with {counted(one.rows, 'row')}",
        "What was in its way is told beside it; the next run tries again.",
    )


def counts(after: Seen) -> dict[str, int]:
    """Return how many rows wait for the end of their partition, stand alone, or are left on another server."""
    drops = [rule for rule in after.counted if rule.bound.drops]
    waiting = sum(rule.in_part(part).rows for rule in drops for part in rule.waiting)
    alone = sum(one.rows for one in after.alone)
    found = {
        "waiting for their partition": waiting,
        "in their grace": alone,
        "kept elsewhere": sum(sum(rule.elsewhere.values()) for rule in after.counted),
        "partitions to end": sum(len(rule.too_many) for rule in drops),
        "partitions kept by unless": sum(len(rule.kept_back) for rule in drops),
    }
    return {name: rows for name, rows in found.items() if rows}


def status(seen: Seen) -> Iterable[tuple[object, ...]]:
    """Yield a line for each partition that stands alone, as `retention status` has them."""
    for one in seen.alone:
        record = one.record
        until = record.drop_not_before.date() if record.drop_not_before else ""
        wrong = one.unread.why if one.unread else "" if one.over else "no rule ends it any more"
        wrong = drop.loaded(record).what if record.loaded else wrong
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
