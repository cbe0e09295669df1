"""What a promise covers here, and what became of each part of it. The one place in which a verdict is made. Pure.

    promised        what the policy and the catalog promise here: tables, leaves, slots, objects, copies
    looked at       those of them that were looked at afterwards
    found           what is not as promised, with what to do
    not looked at   those nobody looked at, each with the reason

A room writes down these four; `conclude` makes the verdict of them, and nothing else can:

    not configured      the policy asks for nothing of this kind
    fail                something was found, or nothing at all was promised: the derivation of the promise is broken
    could not verify    something promised was not looked at, whatever the reason: a limit of the program, which is the
                        same every night and told once, or something that was in the way
    pass                everything promised was looked at, and nothing was found

Example: a rule clears `wearable_daily.raw_data`. Promised are its three leaves and the audit log's images of them.
The leaves were counted and hold no overdue value, the images were not searched: could not verify, and the place is
named, although nothing was found.
"""

import hashlib
import json
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from lifecycle.outcome import Failure, Outcome, Verdict

NAMED = 3
"""How many places a summary names; the ledger keeps them all."""


class Place(NamedTuple):
    """Something a promise covers: its kind ("table", "leaf", "slot", "copy") and its name, never a person's."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" if self.name else self.kind


Kind = Literal["limit", "trouble"]
"""Why nobody looked there: the program does not do so yet, or something was in the way."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a place was not looked at, and what would let somebody look there.

    A `limit`: the program does not look there yet, the same every night. Anything else was in the way, and is trouble.
    """

    why: str
    hint: str
    kind: Kind = "trouble"


_FORGOTTEN = Reason("nobody looked there", "This is a mistake in the program: report it.")


@dataclass(frozen=True, slots=True)
class Coverage:
    """The four parts. `asked` is false where the policy asks for nothing of this kind."""

    promised: frozenset[Place]
    looked_at: frozenset[Place]
    found: tuple[Failure, ...] = ()
    not_looked_at: Mapping[Place, Reason] = field(default_factory=dict[Place, Reason])
    asked: bool = True

    def __or__(self, other: "Coverage") -> "Coverage":
        """Return what both cover together.

        A place that one of them promised and did not look at stays unseen, whoever else looked there: of two people
        whose erasures are proven in one night, the look for the first is none for the second.
        """
        return Coverage(
            self.promised | other.promised,
            self.looked_at | other.looked_at,
            (*self.found, *other.found),
            {**self.unseen(), **other.unseen()},
            self.asked or other.asked,
        )

    def forgotten(self) -> frozenset[Place]:
        """Return the promised places that nobody looked at and nobody speaks of: a mistake in the program."""
        return self.promised - self.looked_at - self.not_looked_at.keys()

    def unseen(self) -> dict[Place, Reason]:
        """Return every promised place that was not looked at, with the reason."""
        # A place that was said not to be looked at counts, even where somebody forgot to promise it.
        unseen = {**self.not_looked_at, **dict.fromkeys(self.forgotten(), _FORGOTTEN)}
        return {place: unseen[place] for place in sorted(unseen)}

    def counts(self) -> dict[str, int]:
        """Return how many places were promised, looked at and not, and how much was found.

        `in_the_way`: how many of those not looked at are no limit of the program.
        """
        return {
            "promised": len(self.promised),
            "looked_at": len((self.promised & self.looked_at) - self.unseen().keys()),
            "found": len(self.found),
            "not_looked_at": len(self.unseen()),
            "in_the_way": sum(reason.kind == "trouble" for reason in self.unseen().values()),
        }

    def digest(self) -> str:
        """Return a SHA-256 over all of it, in hex."""
        whole = {
            "promised": sorted(map(str, self.promised)),
            "looked_at": sorted(map(str, self.looked_at)),
            "found": sorted([f.target, f.what] for f in self.found),
            "not_looked_at": sorted([str(p), r.why, r.kind] for p, r in self.unseen().items()),
        }
        canonical = json.dumps(whole, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def document(self) -> dict[str, object]:
        """Return what the ledger keeps of it: the counts, the digest, and each place not looked at with its reason."""
        unseen = [
            {"place": str(place), "why": reason.why, "hint": reason.hint, "kind": reason.kind}
            for place, reason in self.unseen().items()
        ]
        return {**self.counts(), "digest": self.digest(), "unseen": unseen}


@dataclass(slots=True)
class Looks:
    """Where a judge has looked. Looking makes the entry, so a look that is forgotten is no look: it is never green.

    What is promised comes from elsewhere, from the policy and the catalog; `cover` holds the one against the other.

        looks = Looks()
        for leaf in leaves:
            with looks.at(Place("leaf", leaf)):
                rows = count(leaf)           # an exception here leaves the leaf unseen
            if rows:
                looks.found(Failure(...))
        return looks.cover(promised)
    """

    _at: set[Place] = field(default_factory=set[Place])
    _found: list[Failure] = field(default_factory=list[Failure])
    _not_at: dict[Place, Reason] = field(default_factory=dict[Place, Reason])

    @contextmanager
    def at(self, *places: Place) -> Generator[None]:
        """Look at these places in the block. One that ends by an exception has looked at none of them."""
        yield
        self._at.update(places)

    def not_at(self, place: Place, reason: Reason) -> None:
        """Say why a place cannot be looked at. That holds, whoever else looks there."""
        self._not_at[place] = reason

    def found(self, *failures: Failure) -> None:
        """Add what is not as promised."""
        self._found += failures

    def note(self, place: Place, told: Iterable[Failure | Reason]) -> None:
        """Look at a place, of which this was told: what is wrong there is found, a reason is why nobody can tell."""
        with self.at(place):
            for one in told:
                if isinstance(one, Failure):
                    self.found(one)
                else:
                    self.not_at(place, one)

    def cover(self, promised: Iterable[Place]) -> Coverage:
        """Return what was looked at, held against what is promised."""
        at = frozenset(self._at - self._not_at.keys())
        return Coverage(frozenset(promised), at, tuple(self._found), dict(self._not_at))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a job can say in the end: what it covered, one line for a person, what it changed or saw. No verdict."""

    coverage: Coverage
    summary: str
    counts: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def told(self) -> Mapping[str, int]:
        """Return the counts, with how much was found and how much was not looked at."""
        unseen = self.coverage.counts()["not_looked_at"]
        return {**self.counts, "findings": len(self.coverage.found), "not_looked_at": unseen}

    def with_found(self, more: Iterable[Failure]) -> "Judgement":
        """Return this judgement with more that is not as promised."""
        found = (*self.coverage.found, *more)
        return replace(self, coverage=replace(self.coverage, found=found))


NOTHING_ASKED = Coverage(frozenset(), frozenset(), asked=False)
"""The coverage of a job for which the policy asks nothing."""

_NOTHING_PROMISED = Failure(
    "coverage",
    "nothing was promised, so nothing was proven",
    "What the policy and the catalog promise here could not be worked out. This is a mistake: report it.",
)


def conclude(judged: Judgement) -> Outcome:
    """Return the outcome: the verdict that the coverage adds up to, with the places nobody looked at in its summary."""
    coverage = judged.coverage
    verdict, failures = _verdict(coverage)
    summary = judged.summary
    if unseen := tuple(coverage.unseen()):
        named = ", ".join(map(str, unseen[:NAMED]))
        more = f" and {len(unseen) - NAMED} more" if len(unseen) > NAMED else ""
        summary += f"; not looked at: {named}{more}"
    return Outcome(verdict, summary, judged.counts, failures, coverage.document())


def _verdict(coverage: Coverage) -> tuple[Verdict, tuple[Failure, ...]]:
    if not coverage.asked and not coverage.found:
        return Verdict.NOT_CONFIGURED, ()
    if coverage.found:
        return Verdict.FAIL, coverage.found
    if not coverage.promised:
        return Verdict.FAIL, (_NOTHING_PROMISED,)
    return (Verdict.UNVERIFIED if coverage.unseen() else Verdict.PASS), ()
