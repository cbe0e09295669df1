"""What would be done, before it is done: frozen steps, each with its reason, under one hash.

A room decides (pure: policy, what was seen, now -> `Decision`); the ground puts system, database and policy beside it
and calls that a plan. A person applies a plan by its hash. The same decision is made again inside the run, and another
hash means that the world has changed: `differences` says in what.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Generic, TypeVar

from lifecycle.outcome import Failure
from lifecycle.words import counted


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. Rooms subclass it with the typed fields that carrying it out needs.

    `verb` is what is done ("create partition"), `target` what to (a table, a bucket; never a person), `reason` the
    written rule behind it, `cost` what it takes (rows, locks). `rows` counts what it ends or changes, for the cap.
    `binds` is a digest of exactly what it would touch (keys of rows, objects), so that a plan is not another one with
    the same numbers. Steps of one `group` stand or fall together.
    """

    verb: str
    target: str
    reason: str
    cost: str
    rows: int = field(default=0, kw_only=True)
    binds: str = field(default="", kw_only=True)
    group: str = field(default="", kw_only=True)


S_co = TypeVar("S_co", bound=Step, covariant=True)


@dataclass(frozen=True, slots=True)
class Decision(Generic[S_co]):
    """What a room would do and what it refuses. Steps stand in the order in which they are carried out."""

    steps: tuple[S_co, ...]
    refusals: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Plan(Generic[S_co]):
    """A decision for one system, as a person sees it and the ledger remembers it. `only` narrows it to one thing."""

    room: str
    system: str
    database: str
    policy_digest: str
    decision: Decision[S_co]
    only: str | None = None

    def document(self) -> dict[str, Any]:
        """Return the plan as plain values. No two different plans have the same."""
        return json.loads(json.dumps(asdict(self), default=str))

    @property
    def hash(self) -> str:
        """Return 16 hex digits over everything in the plan: same world and policy, same hash."""
        canonical = json.dumps(self.document(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def within(
    decision: Decision[S_co], rows: int, room: str
) -> tuple[Decision[S_co], tuple[Failure, ...]]:
    """Return what an unattended run may carry out of a decision, and what would pass the cap of `rows`.

    Each group has the cap for itself; steps without a group share one over the whole run, in their order. What would
    pass it is refused whole: half of a surprise is still one.
    """
    left: dict[str, int] = {}
    wanted: dict[str, int] = {}
    for step in decision.steps:
        if step.group:
            wanted[step.group] = wanted.get(step.group, 0) + step.rows
    allowed: list[S_co] = []
    refused: dict[str, Failure] = {}
    for step in decision.steps:
        asked = wanted.get(step.group, step.rows)
        if asked <= left.get("", rows) if not step.group else asked <= rows:
            allowed.append(step)
            if not step.group:
                left[""] = left.get("", rows) - asked
        else:
            target = step.group or step.target
            refused.setdefault(target, _beyond(target, asked, left.get("", rows), room))
    return replace(decision, steps=tuple(allowed)), tuple(refused.values())


def _beyond(target: str, asked: int, left: int, room: str) -> Failure:
    return Failure(
        target,
        f"{counted(asked, 'row')} would end or change, and an unattended run may do that to {left} more",
        f"Look at `lifecycle {room} plan`; if it is right, `lifecycle {room} apply PLAN` carries it out. "
        "The cap is `limits.rows_per_run` in the policy.",
    )


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield in words what has changed between two plans' documents."""
    for name in ("system", "database", "policy_digest", "only"):
        if before[name] != after[name]:
            yield f"the {name.replace('_digest', '')} is another"
    first, second = (_by_target(one["decision"]["steps"]) for one in (before, after))
    yield from (f"{key} is no longer to be done" for key in first if key not in second)
    yield from (f"{key} is new" for key in second if key not in first)
    for key, steps in first.items():
        if key in second and steps != second[key]:
            yield f"{key}: {_changed(steps, second[key])}"
    for part in ("refusals", "notes", "facts"):
        if before["decision"][part] != after["decision"][part]:
            yield f"its {part} are others"


def _by_target(steps: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for step in steps:
        found.setdefault(f"{step['verb']} {step['target']}", []).append(step)
    return found


def _changed(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> str:
    then, now = (" + ".join(str(step["cost"]) for step in steps) for steps in (before, after))
    if then != now:
        return f"{now} instead of {then}"
    if [s["binds"] for s in before] != [s["binds"] for s in after]:
        return (
            "as many rows or objects, and not the same ones"
            if any(s["rows"] for s in before)
            else "what it works on is not what it was"
        )
    return "other details"
