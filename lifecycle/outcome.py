"""How a run ended: one of four verdicts, with counts, failures and what it did not look at.

Only `coverage.conclude` makes a verdict of what a room found; the ground itself makes one where a run ended early.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """Four verdicts, never two: a check that did not run is not green."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNVERIFIED = "could not verify"
    NOT_CONFIGURED = "not configured"


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that went wrong; `target` is a table, bucket or program, never a person."""

    target: str
    what: str
    hint: str


def headline(failures: tuple[Failure, ...]) -> str:
    """Return the first of these, of which there is one at least, and how many more there are."""
    first, *others = failures
    more = f" (and {len(others)} more)" if others else ""
    return f"{first.target}: {first.what}{more}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run. `summary` is one line for a person; `counts` are what the run changed or saw.

    `coverage` is what the ledger keeps of it (`coverage.Coverage.document`), empty where a run ended before it judged.
    """

    verdict: Verdict
    summary: str
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    failures: tuple[Failure, ...] = ()
    coverage: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def well(self) -> bool:
        """Say whether nothing was found wrong and nothing was in the way: at most, limits of the program are left."""
        if self.verdict is Verdict.UNVERIFIED:
            return self.coverage.get("in_the_way") == 0
        return self.verdict is not Verdict.FAIL
