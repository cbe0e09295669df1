"""What a job found in the end: one of four verdicts, with counts and failures."""

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


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run. `summary` is one line for a person; `counts` are what the run changed or saw."""

    verdict: Verdict
    summary: str
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    failures: tuple[Failure, ...] = ()


def worst(verdicts: list[Verdict]) -> Verdict:
    """Return the verdict that a set of parts adds up to.

    One fail fails the whole; then one unverified part leaves the whole unverified. A part that is not
    configured says nothing about the others, so the whole is `not configured` only when all parts are.
    """
    for verdict in (Verdict.FAIL, Verdict.UNVERIFIED, Verdict.PASS):
        if verdict in verdicts:
            return verdict
    return Verdict.NOT_CONFIGURED
