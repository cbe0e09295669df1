"""The runbook "erasure-stuck": somebody's day has come, and they are not forgotten yet."""

from runbooks import erasing
from runbooks.book import Book
from runbooks.erasing import READS, Facts, words
from runbooks.step import Step

_PLANNED = ("due", "refused", "interrupted", "erased, not proven", "opened again")
"""States in which a plan of the request can be made."""


def steps(facts: Facts) -> tuple[Step, ...]:
    """Return the steps for this request."""
    seen = (_plan(facts),) if facts.state in _PLANNED else ()
    hold = (_holds(facts),) if facts.state == "on hold" else ()
    told = erasing.tell(
        facts,
        "Whoever answers for data protection knows that it was late, by how much and why; the person, where "
        "their day has passed or cannot be kept.",
    )
    return (
        erasing.look(facts),
        _doctor(facts),
        *seen,
        *hold,
        _mend(facts),
        *erasing.carry_on(facts),
        told,
    )


def _doctor(facts: Facts) -> Step:
    return Step(
        "doctor",
        "Look for a cause that keeps everybody's erasure from being done",
        "A right that is missing, a bucket or a processor out of reach, a table that the policy does not know: "
        "what stops this one stops the next one, too.",
        "check",
        expect="No finding (exit code 0). Mend each finding as its hint says, then run this step again. What has "
        "to do with no erasure may wait: skip it then.",
        undo=READS,
        words=words(facts, "doctor"),
    )


def _plan(facts: Facts) -> Step:
    return Step(
        "plan",
        "See what would be done for this request, and what speaks against it",
        "What refuses an erasure is asked before anything of it is touched, and each reason has its remedy.",
        "check",
        expect="A plan with its hash, or refusals with a hint each.",
        undo=READS,
        words=words(facts, "gdpr", "plan", facts.request),
        judge=erasing.looked,
    )


def _holds(facts: Facts) -> Step:
    return Step(
        "holds",
        "See which legal hold keeps them, who placed it, and until when",
        "A claim in court goes before erasure (GDPR Art. 17(3)(e)). The hold is not yours to lift: ask who "
        "placed it.",
        "check",
        expect="The hold with its reason. While it stands, abort here and tell the person; the erasure goes on "
        "by itself when it has ended.",
        undo=READS,
        words=words(facts, "holds", "list"),
    )


def _mend(facts: Facts) -> Step:
    return Step(
        "mend",
        "Take away what is in the way",
        facts.next,
        "manual",
        expect="Each refusal is answered: by correcting the data, or by a sentence in the policy that says whose "
        "it is. Never by deleting rows of others, and never by setting the request to a state by hand that says "
        "it is done.",
        undo="What you changed, you can change back: nothing of the person has gone in this step.",
        unattended=facts.state in ("due", "interrupted", "opened again"),
    )


BOOK = Book(
    "erasure-stuck",
    "Somebody's day has come, and they are not forgotten yet",
    erasing.ABOUT,
    erasing.general("refused"),
    erasing.gather_for("erasure-stuck"),
    steps,
)
