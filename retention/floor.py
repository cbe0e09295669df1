"""How long rows stay at least, whatever a rule says: by `limits.floor`, and by the floor of their class. Pure.

The one for all tables is against `9 days` written for `90 days`. A class of data has one as a law or a contract asks
for it: `books: {tables: [invoice, payment], least: 10 years, because: "AO 147"}`. What moves into another table is not
ended; what is archived stays as long as its archive, so one of the two times must be long enough. An archive that is
there already stays until its rows are old enough, whatever its rule says today.
"""

from collections.abc import Iterator
from datetime import datetime

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


def too_soon(rule: RetentionRule, policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield each floor that a rule is below, and what to write instead."""
    floor = policy.limits.floor
    if rule.after is not None and rule.after.can_be_shorter_than(floor):
        instead = f"write {floor} or more, or lower `limits.floor` on purpose"
        yield f"{rule.after} is below the floor of {floor}", instead
    if rule.do == "move" or (rule.archive and rule.keep is None):
        return
    table, _ = target(rule)
    for name, of in policy.limits.floors.items():
        times = [time for time in (rule.after, rule.keep) if time is not None]
        if table in of.tables and all(time.can_be_shorter_than(of.least) for time in times):
            said = " or ".join(map(str, times)) or f"what {rule.expires} says"
            what = f"{said} is below the floor of {name}, {of.least} ({of.because})"
            yield what, f"write {of.least} or more, or take {table} out of `limits.floors.{name}`"
