"""A promise in four parts, the shape in which every room keeps one: survey, decide, carry out, judge.

    survey      reads what is there, in one snapshot
    decide      pure: (policy, what was seen, now) -> steps with reasons, refusals, notes
    carry out   does the steps it is handed, each inside `ledger.effect`
    judge       looks again afterwards: what was promised, looked at, found, not looked at

`running/apply.py` is the one way through them, for the daemon and for a person: only what the room says differs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from lifecycle.coverage import Judgement
from lifecycle.ledger.claims import Claim
from lifecycle.plan import Decision, Step
from lifecycle.policy.model import Policy
from lifecycle.system import System

Seen = TypeVar("Seen")
S = TypeVar("S", bound=Step)
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Task:
    """One run's work on one system: whose claim, by which moment, and narrowed to which one thing, if any.

    `seen_by_person`: somebody has looked at exactly this plan, so the cap on rows does not hold.
    """

    system: System
    claim: Claim
    now: datetime
    only: str | None = None
    seen_by_person: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A table for people: what `<room> status` shows."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]


def as_typed(_system: System, only: str) -> str:
    """Return the name as a person typed it: of a table or a month the ledger may keep that."""
    return only


@dataclass(frozen=True, slots=True)
class Promise(Generic[Seen, S, Done]):
    """One promise. `job` is the daemon's name for keeping it; `only` says what a plan can be narrowed to.

    `called` gives that one thing the name by which plans and the ledger may know it. `commands`: the words before
    `plan` and `apply`, where they are not the room's name.
    """

    job: str
    only: str
    survey: Callable[[System, datetime, str | None], Seen]
    decide: Callable[[Policy, Seen, datetime], Decision[S]]
    carry_out: Callable[[Task, Seen, Decision[S]], Done]
    judge: Callable[[Task, Seen, Decision[S], Done], Judgement]
    status: Callable[[System, datetime], Listing]
    called: Callable[[System, str], str] = as_typed
    commands: str = ""
