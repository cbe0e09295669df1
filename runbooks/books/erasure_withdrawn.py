"""The runbook "erasure-withdrawn": a request was taken back, closed or deleted when part of the person was gone."""

from runbooks import erasing
from runbooks.book import Book
from runbooks.erasing import READS, Facts, words
from runbooks.step import Step


def steps(facts: Facts) -> tuple[Step, ...]:
    """Return the steps for this request."""
    told = erasing.tell(
        facts,
        "The person knows that they could not be kept, or that they are forgotten now; who closed the request by "
        "hand knows that this does not stop an erasure, and may not look like its end.",
    )
    return (erasing.look(facts), _left(facts), *_decide(facts), *erasing.carry_on(facts), told)


def _left(facts: Facts) -> Step:
    return Step(
        "verify",
        "See what is left of the person",
        "Objects and the customer at the payment processor go first, the rows afterwards in one transaction: so "
        "either all rows are there, or none.",
        "check",
        expect="Where they are found still. None: all is gone, and only the proof is missing.",
        undo=READS,
        words=words(facts, "gdpr", "verify", facts.request),
        judge=erasing.looked,
    )


def _decide(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            "ask",
            "Ask who withdrew it, and whether the person still wants to be forgotten",
            "Until the erasure begins, a cancellation wins by itself. This one came later: what is gone is gone, "
            "and to leave somebody half is neither to keep nor to forget them.",
            "decision",
            expect="They want to be forgotten, or nobody meant to withdraw: go on. They want to stay: abort "
            "here, keep the application from using what is left, and ask who answers for data protection. Rows "
            "come back from a dump of before alone, objects from the store's own backup, and a customer at the "
            "processor not at all.",
            undo="Nothing has been changed up to here.",
            unattended=False,
        ),
        Step(
            "reopen",
            "Open the request again",
            facts.next,
            "manual",
            expect="The request's row is there and says that it is processing.",
            undo="Setting it back. The erasure stays begun.",
            unattended=False,
        ),
    )


BOOK = Book(
    "erasure-withdrawn",
    "A request was taken back, closed or deleted when part of the person was gone already",
    erasing.ABOUT,
    erasing.general("canceled half-way"),
    erasing.gather_for("erasure-withdrawn"),
    steps,
)
