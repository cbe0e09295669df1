"""Which rules would end more than what was kept so far: after a person's edit, before anything is destroyed. Pure.

Example: `{table: jobs, after: 90 days}` was kept every night. Somebody writes `9 days`. In the next night no row of
`jobs` goes: the run fails and names the rule, until a person has applied its plan. From then on it is kept unattended.
So is a rule that counts from another column now, in another zone, by a key that holds its time otherwise, archives no
more, or speaks of other rows of a table of which another rule was kept. A table's first rule is not asked about: the
cap on rows is there for that, and so is the floor.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from retention.rules import Bound

APPLY = (
    "Look at `lifecycle retention plan`; after `lifecycle retention apply PLAN` every run does it."
)
"""What to do about a step that an unattended run leaves for that."""

Remembered = Mapping[str, "Kept"]
"""By the rule's label."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a rule said when a run last carried it out.

    `seconds` is its shortest time, or how many partitions or bytes it keeps; None where the row says it.
    """

    target: str
    seconds: int | None
    says: str


def kept(bound: Bound) -> Kept:
    """Return what a rule says, to be remembered, with all that other sections say of its clock."""
    rule = bound.rule
    said = [rule.do, rule.by, rule.expires, bound.zone, rule.scope]
    archived = "archived" if rule.archive else None
    said += [one for one in (archived, rule.to, rule.keep, bound.holds, bound.every) if one]
    by = rule.told_by if rule.told_by in ("newest", "size") else None
    said += [one for one in (by, rule.kept_back) if one]
    says = "\n".join(map(str, said))
    least = rule.newest or rule.bytes
    if rule.after is not None:
        least = round(rule.after.at_least().total_seconds())
    return Kept(rule.table, least, hashlib.sha256(says.encode()).hexdigest()[:32])


def why(bound: Bound, remembered: Remembered) -> str | None:
    """Return what has changed, so that a person has to see what it ends; None where nothing has."""
    rule = bound.rule
    before, now = remembered.get(rule.label), kept(bound)
    if before is None:
        others = [label for label, one in remembered.items() if one.target == rule.table]
        return "it speaks of other rows than the rule before it" if others else None
    if before.says != now.says:
        return "it does something else, or counts from another moment, than when it was last kept"
    if before.seconds is not None and now.seconds is not None and now.seconds < before.seconds:
        word = "shorter" if rule.after else "smaller"
        return f"its {'time' if rule.after else rule.told_by} is {word} than when it was last kept"
    return None


def changed(rules: Iterable[Bound], remembered: Remembered) -> dict[str, str]:
    """Return why a person has to look, by the label of each such rule."""
    found = {bound.rule.label: why(bound, remembered) for bound in rules}
    return {label: reason for label, reason in found.items() if reason}
