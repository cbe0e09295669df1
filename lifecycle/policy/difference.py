"""Says what another policy would do differently: what is newly destroyed, what is newly kept. Pure.

Compares what is said (`telling.py`), table by table, and every other line of the file by its value, so that nothing
that changed is left out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from lifecycle.config.mistake import dotted
from lifecycle.policy import telling, whole
from lifecycle.policy.model import Policy
from lifecycle.policy.telling import Said

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """Lines for people, in four groups. `destroyed` first: it is what cannot be taken back."""

    destroyed: tuple[str, ...]
    kept: tuple[str, ...]
    said: tuple[str, ...]
    otherwise: tuple[str, ...]


def between(old: Policy, new: Policy) -> Difference:
    """Return what `new` would do differently from `old`."""
    destroyed: list[str] = []
    kept: list[str] = []
    said: list[str] = []
    for name in dict.fromkeys([*old.tables, *new.tables]):
        before, after = _of(old, name), _of(new, name)
        gone = [s for s in before if s not in after]
        come = [s for s in after if s not in before]
        destroyed += [f"{name}: {s}" for s in come if _is(after, s, "destroys")]
        kept += [f"{name}: no longer: {s}" for s in gone if _is(before, s, "destroys")]
        said += [f"{name}: no longer: {s}" for s in gone if not _is(before, s, "destroys")]
        said += [f"{name}: {s}" for s in come if not _is(after, s, "destroys")]
    return Difference(tuple(destroyed), tuple(kept), tuple(said), tuple(_values(old, new)))


def _of(policy: Policy, name: str) -> Mapping[str, Said]:
    if name not in policy.tables:
        return {"not declared": Said(("tables", name), "", "not declared", "other")}
    return {str(said): said for said in telling.of(policy, name)}


def _is(said: Mapping[str, Said], sentence: str, effect: str) -> bool:
    return said[sentence].effect == effect


def _values(old: Policy, new: Policy) -> Iterator[str]:
    """Yield every other value that differs: limits, people, schedules, where things are, and declared code."""
    before, after = dict(_flat((), _others(old))), dict(_flat((), _others(new)))
    for path in sorted(before.keys() | after.keys(), key=dotted):
        was, is_ = before.get(path, _ABSENT), after.get(path, _ABSENT)
        if was is _ABSENT:
            yield f"{dotted(path)}: {is_}, which was not there"
        elif is_ is _ABSENT:
            yield f"{dotted(path)}: not there, which was {was}"
        elif was != is_:
            yield f"{dotted(path)}: {is_}, which was {was}"


def _others(policy: Policy) -> dict[str, Any]:
    """Return the file but for what is told in sentences."""
    data = policy.model_dump(mode="json", exclude_defaults=True)
    for section in whole.sections():
        if section.destroys and section.name in data:
            del data[section.name]
    untold = ("references", "triggers", "rules", "functions")
    tables = cast("dict[str, dict[str, Any]]", data.pop("tables", {}))
    left = {
        name: {word: table[word] for word in untold if word in table}
        for name, table in tables.items()
    }
    return data | {"tables": {name: table for name, table in left.items() if table}}


def _flat(path: tuple[str | int, ...], value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict):
        for name, below in cast("dict[str, Any]", value).items():
            yield from _flat((*path, name), below)
    elif isinstance(value, list):
        yield path, ", ".join(str(one) for one in cast("list[Any]", value))
    else:
        yield path, value
