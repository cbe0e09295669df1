"""How long rows stay at least, whatever a rule says: by `limits.floor`, and by the floor of their class. Pure.

The one for all tables is against `9 days` written for `90 days`. A class of data has one as a law or a contract asks
for it: `books: {tables: [invoice, payment], least: 10 years, because: "AO 147"}`. What moves into another table is not
ended; what is archived stays as long as its archive, so one of the two times must be long enough. An archive that is
there already stays until its rows are old enough, whatever its rule says today.
"""

from collections.abc import Iterator
from datetime import datetime

from lifecycle.config.span import Span
from lifecycle.partitions.section import SECTION as PARTITIONS
from lifecycle.policy.model import Policy
from retention.rule import RetentionRule, target


def stays(table: str, since: datetime, policy: Policy) -> tuple[datetime, str] | None:
    """Return until when rows of a table from before `since` stay at least, as their class asks for it, and as which."""
    found = [
        (of.least.after(since), f"{of.least} for {name} ({of.because})")
        for name, of in policy.limits.floors.items()
        if table in of.tables
    ]
    return max(found, default=None)


def least(rule: RetentionRule, policy: Policy) -> tuple[Span, ...]:
    """Return how long rows stay that a rule ends by number or size: the floor of all tables, and of their classes."""
    classes = (
        of.least
        for of in policy.limits.floors.values()
        if rule.table in of.tables and not _archived(rule, of.least)
    )
    return policy.limits.floor, *classes


def _archived(rule: RetentionRule, long: Span) -> bool:
    return rule.archive and (rule.keep is None or not rule.keep.can_be_shorter_than(long))


def too_soon(rule: RetentionRule, policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield each floor that a rule is below, and what to write instead."""
    floor, time = policy.limits.floor, _time(rule, policy)
    said = str(rule.after) if rule.after else f"`newest: {rule.newest}`"
    said += f" (rows stay {time} at least)" if rule.newest and time else ""
    if rule.newest == 1 or (time is not None and time.can_be_shorter_than(floor)):
        instead = f"write {'more' if rule.newest else f'{floor} or more'}, or lower `limits.floor` on purpose"
        yield f"{said} is below the floor of {floor}", instead
    if rule.do == "move" or (rule.archive and rule.keep is None):
        return
    table, _ = target(rule)
    for name, of in policy.limits.floors.items():
        times = [one for one in (time, rule.keep) if one is not None]
        if table in of.tables and all(one.can_be_shorter_than(of.least) for one in times):
            by_itself = f"what {rule.expires} says" if rule.expires else f"`{rule.told_by}`"
            said = " or ".join(map(str, times)) or by_itself
            what = f"{said} is below the floor of {name}, {of.least} ({of.because})"
            yield what, f"write {of.least} or more, or take {table} out of `limits.floors.{name}`"


def _time(rule: RetentionRule, policy: Policy) -> Span | None:
    """Return how long a row stays at least by the rule itself, None where nobody can tell.

    Of `newest: 3` a partition ends when the third after it begins: two lengths after its last row, if all are there.
    """
    partitioned = PARTITIONS.of(policy).get(rule.table)
    if rule.newest is None or rule.newest == 1 or partitioned is None or not partitioned.every:
        return rule.after
    one = partitioned.length.span
    return Span((rule.newest - 1) * one.count, one.unit)
