"""What the books about one request to be forgotten share: where it stands, which book is for that, steps to look.

A request is named by its keyed reference alone: a page holds nothing of a person, and no key of theirs is typed there.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gdpr import trail, why
from lifecycle import clock
from lifecycle.errors import Refused
from lifecycle.outcome import Verdict
from lifecycle.outside.commands import Finished
from lifecycle.show import EXIT_CODES
from lifecycle.system import System
from lifecycle.words import moment
from runbooks.step import Step

READS = "Nothing to undo: it only reads."

ABOUT = {"request": "The request, by its reference or own id, from `lifecycle gdpr status`."}

BOOKS = {
    "erasure-stuck": (
        *("due", "refused", "interrupted", "erased, not proven"),
        *(
            "unclear",
            "without a date",
            "identity not verified",
            "names nobody",
            "unreadable",
            "on hold",
            "opened again",
        ),
    ),
    "object-lock-in-the-way": ("locked",),
    "residue-found": ("found again",),
    "erasure-withdrawn": ("canceled half-way", "closed half-way", "vanished half-way"),
    "erased-person-asks": ("proven",),
}
"""By book, the states of `gdpr why` that it is for."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Where one request stands, in the words of `gdpr why`. `deadline`: by law, and whether it has passed."""

    system: str
    request: str
    state: str
    meaning: str
    next: str
    deadline: str


def general(state: str) -> Facts:
    """Return placeholders, for a page that is read before anything has happened."""
    return Facts("SYSTEM", "REQUEST", state, "What is known of it.", "What comes next.", "its day")


def gather_for(book: str) -> Callable[[System, Mapping[str, str]], Facts]:
    """Return how a book learns its facts: Refused, with the right one named, where the request stands elsewhere."""

    def gather(system: System, about: Mapping[str, str]) -> Facts:
        told = why.document(trail.read(system, about["request"]), clock.now())
        if told["state"] not in BOOKS[book]:
            raise Refused(
                f"the request is not for this book: it is {told['state']}", hint=_other(told)
            )
        return Facts(
            system.name,
            str(told["reference"]),
            str(told["state"]),
            str(told["meaning"]),
            str(told["next"]),
            _deadline(told["deadline"], told["past_deadline"]),
        )

    return gather


def _other(told: Mapping[str, Any]) -> str:
    """Return where to go on instead."""
    for book, states in BOOKS.items():
        if told["state"] in states:
            return f"Take `lifecycle runbooks run {book} --request {told['reference']}`."
    return f"{told['meaning']} {told['next']}"


def _deadline(day: datetime | None, passed: bool) -> str:
    if day is None:
        return "unknown, as the day it was asked is"
    return f"{moment(day)}{', which has passed' if passed else ''}"


def words(facts: Facts, *command: str) -> tuple[str, ...]:
    """Return a command of this product for the facts' system."""
    return ("--system", facts.system, *command)


def look(facts: Facts) -> Step:
    """Return the step that reads where the request stands."""
    return Step(
        "why",
        "Read where the request stands",
        f"It is `{facts.state}`: {facts.meaning} By law it is to be answered by {facts.deadline}.",
        "check",
        expect="State, days, what was found, what was said against it with a hint each, and what comes next.",
        undo=READS,
        words=words(facts, "gdpr", "why", facts.request),
    )


def carry_on(facts: Facts) -> tuple[Step, ...]:
    """Return the steps that have the erasure done, and ask afterwards whether it is."""
    return (
        Step(
            "run",
            "Have it done now",
            "The run takes everybody who is due, as the night would, and asks the world at each step what is "
            "left to do.",
            "command",
            expect="`pass` or `could not verify` (exit code 0 or 9). With 1 each line says what is still in the "
            "way: go back to what is to be mended, then run this step again.",
            undo="There is none: what is erased is gone. Until then the application can cancel the request.",
            words=words(facts, "run", "gdpr.erase"),
            judge=_done,
            limit=timedelta(hours=12),
        ),
        Step(
            "proven",
            "See that this request is proven",
            "A run that ended well may have left this one out: only its own state counts.",
            "check",
            expect="State `proven`.",
            undo=READS,
            words=words(facts, "--json", "gdpr", "why", facts.request),
            judge=is_proven,
        ),
    )


def tell(facts: Facts, what: str) -> Step:
    """Return the step in which somebody is told: the law has days for that."""
    return Step(
        "tell",
        "Tell the person, and who answers for data protection",
        f"The law wants an answer by {facts.deadline} (GDPR Art. 12(3)); two months more are to be had only for "
        "what is complex, and only if the person hears of it, with the reason, within that day.",
        "manual",
        expect=what,
        undo="A correction.",
        unattended=False,
    )


def _done(finished: Finished) -> bool:
    return finished.exit_code in (0, EXIT_CODES[Verdict.UNVERIFIED])


def is_proven(finished: Finished) -> bool:
    """Say whether the shown request is proven."""
    try:
        return finished.exit_code == 0 and json.loads(finished.stdout)["state"] == "proven"
    except (ValueError, KeyError, TypeError):
        return False


def looked(finished: Finished) -> bool:
    """Expect that it was looked, whatever was found: an answer, and no trouble on the way."""
    return finished.exit_code in (0, *EXIT_CODES.values(), Refused.exit_code)
