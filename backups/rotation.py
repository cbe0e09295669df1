"""Decides which of all dumps is drilled next, and says why. Pure.

Every night drills the newest dump. What is kept for weeks and months is another copy, of another age, often in
another bucket, and proven by nothing but a drill of its own. First comes the class of which no dump was ever drilled,
then the one that was drilled longest ago; within it the oldest dump that never was, the end of what is promised.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from backups.manifest import Manifest
from backups.slots import Kind, Name
from lifecycle.words import moment

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Choice:
    """The dump to drill, and why this one. `never`: the other classes with dumps, of which none was ever drilled."""

    dumped: Manifest
    why: str
    never: tuple[Name, ...]


def choose(
    shelves: Sequence[tuple[Kind, Sequence[Manifest]]], drilled: Mapping[str, datetime]
) -> Choice | None:
    """Return what comes next of these shelves; None where they are empty.

    `drilled`: when each key was drilled last, those of dumps that are gone by now included.
    """
    full = [(kind, dumps) for kind, dumps in shelves if dumps]
    if not full:
        return None
    last: dict[Name, datetime] = {kind.name: _last(kind, drilled) for kind, _ in full}
    kind, dumps = min(full, key=lambda one: last[one[0].name])
    chosen = min(dumps, key=lambda one: (drilled.get(one.key, _NEVER), one.slot, one.key))
    never: list[Name] = [one.name for one, _ in full if last[one.name] == _NEVER and one != kind]
    return Choice(chosen, _why(kind, last[kind.name], drilled.get(chosen.key)), tuple(never))


def _last(kind: Kind, drilled: Mapping[str, datetime]) -> datetime:
    return max((at for key, at in drilled.items() if key.startswith(kind.prefix)), default=_NEVER)


def _why(kind: Kind, of_class: datetime, of_it: datetime | None) -> str:
    if of_class == _NEVER:
        return f"no {kind.name} dump was ever drilled, and it is the oldest"
    drilled = f"the last drill of a {kind.name} dump was at {moment(of_class)}"
    if of_it is None:
        return f"{drilled}, and of those never drilled it is the oldest"
    return f"{drilled}, and it was drilled itself at {moment(of_it)}, longest ago"
