"""Says what another policy would do differently: what is newly destroyed, what is newly kept. Pure.

Compares what is said (`telling.py`), table by table, what the same words reach (`extent.py`), and every other line of
the file by its value, so that nothing that changed is left out.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from lifecycle.config.mistake import dotted
from lifecycle.policy import extent, telling, whole
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
    destroyed += sorted(extent.newly(old, new))
    kept += [f"no longer: {s}" for s in sorted(extent.newly(new, old))]
    return Difference(tuple(destroyed), tuple(kept), tuple(said), tuple(_values(old, new)))


def _of(policy: Policy, name: str) -> Mapping[str, Said]:
    if name not in policy.tables:
        return {"not declared": Said(("tables", name), "", "not declared", "other")}
    told = (
        said for said in telling.of(policy, name) if said.path[0] != "subjects"
    )  # told by value
    return {str(said): said for said in told}


def _is(said: Mapping[str, Said], sentence: str, effect: str) -> bool:
    return said[sentence].effect == effect


def _values(old: Policy, new: Policy) -> Iterator[str]:
    """Yield every other value that differs: limits, people, references, schedules, and declared code."""
    same = {
        name
        for name in old.tables.keys() & new.tables.keys()
        if _of(old, name).keys() == _of(new, name).keys()
    }
    before, after = (dict(_flat((), _others(policy, same))) for policy in (old, new))
    for path in sorted(before.keys() | after.keys(), key=dotted):
        was, is_ = before.get(path, _ABSENT), after.get(path, _ABSENT)
        if was is _ABSENT:
            yield f"{dotted(path)}: {is_}, which was not there"
        elif is_ is _ABSENT:
            yield f"{dotted(path)}: not there, which was {was}"
        elif was != is_:
            yield f"{dotted(path)}: {is_}, which was {was}"


def _others(policy: Policy, same: Collection[str]) -> dict[str, Any]:
    """Return the file but for what is told in sentences. Of tables with the `same` sentences nothing was told."""
    data = policy.model_dump(mode="json", exclude_defaults=True)
    for section in whole.sections():
        if section.destroys and section.name in data:
            del data[section.name]
    tables = cast("dict[str, dict[str, Any]]", data.pop("tables", {}))
    left = {
        name: table if name in same else {w: table[w] for w in _untold(table) if w in table}
        for name, table in tables.items()
    }
    return data | {"tables": {name: table for name, table in left.items() if table}}


def _untold(table: dict[str, Any]) -> Iterator[str]:
    """Yield the words of a table that no sentence repeats."""
    yield from ("references", "triggers", "rules", "functions")
    if not (table.get("personal") or table.get("text")):
        yield "because"


def _flat(path: tuple[str | int, ...], value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict):
        for name, below in cast("dict[str, Any]", value).items():
            yield from _flat((*path, name), below)
    elif isinstance(value, list):
        yield path, ", ".join(str(one) for one in cast("list[Any]", value))
    else:
        yield path, value
