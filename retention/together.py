"""Finds rules that do not go together: with another of the same table, or with how its chunks are compressed. Pure."""

from collections.abc import Iterator

from lifecycle.config.mistake import Mistake, Where
from lifecycle.config.span import Span
from lifecycle.policy import tombstone
from lifecycle.policy.model import Policy
from lifecycle.timescale.section import SECTION as TIMESCALE
from retention.rule import Rules, target


def dropped_before(rules: Rules) -> Iterator[Mistake]:
    """Find partitions that would be dropped with rows that another rule moves, or archives, later."""
    for index, rule in enumerate(rules):
        for other_place, beside in enumerate(rules):
            keeps = beside.to is not None or (beside.archive and not rule.archive)
            if rule.do != "drop" or beside.table != rule.table or not keeps or beside is rule:
                continue
            where: Where = ("retention", index, rule.told_by)
            taken = f"before retention[{other_place}] has taken their rows"
            if rule.after is None:
                what = f"by `{rule.told_by}` partitions may be dropped {taken}"
                yield Mistake(where, what, f"write `after: {beside.after or 'a time'}` or more")
            elif beside.after is None or rule.after.can_be_shorter_than(beside.after):
                what = f"partitions would be dropped {taken}"
                yield Mistake(where, what, f"write {beside.after or 'a time'} or more")


def compressed(rules: Rules, policy: Policy) -> Iterator[Mistake]:
    """Find rules that drop chunks before these are compressed."""
    for index, rule in enumerate(rules):
        kept = TIMESCALE.of(policy).get(target(rule)[0])
        if kept is None or kept.compress is None:
            continue
        path: Where = ("retention", index)
        if rule.do == "drop" and rule.after is not None and not _later(rule.after, kept.compress):
            what = f"its chunks are compressed after {kept.compress}, and would be dropped before or just then"
            yield Mistake((*path, "after"), what, f"write more than {kept.compress}")


def _later(after: Span, compress: Span) -> bool:
    return after != compress and not after.can_be_shorter_than(compress)


def with_a_tombstone(rules: Rules, policy: Policy) -> Iterator[Mistake]:
    """Find rules that drop partitions in one of which stands who stands for people who are gone."""
    for index, rule in enumerate(rules):
        if rule.do == "drop" and tombstone.of(policy, rule.table):
            what = f"the tombstone stands in {rule.table}, and would go with its partition"
            where: Where = ("retention", index, "do")
            yield Mistake(where, what, "write `do: delete`, which passes it over")
