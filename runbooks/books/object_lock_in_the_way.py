"""The runbook "object-lock-in-the-way": somebody's day has come, and the object store may not delete what is theirs."""

from runbooks import erasing
from runbooks.book import Book
from runbooks.erasing import Facts
from runbooks.step import Step


def steps(facts: Facts) -> tuple[Step, ...]:
    """Return the steps for this request."""
    told = erasing.tell(
        facts,
        "Whoever answers for data protection knows what the lock keeps, until when and on which ground (GDPR Art. "
        "17(3)); the person, too, where their day has passed or cannot be kept.",
    )
    return (erasing.look(facts), _whose(), _lift(facts), *erasing.carry_on(facts), told)


def _whose() -> Step:
    return Step(
        "whose",
        "Decide whether the lock may be lifted",
        "Somebody locked these versions for a reason: a law, a claim, or a default of the bucket that nobody thought "
        "of. A compliance lock nobody can lift before its date.",
        "decision",
        expect="You know who placed it, why, and that it may go. Where it has to stay, abort here and tell the person "
        "and whoever answers for data protection: nothing of them is erased before its date, and the first run after "
        "it erases all of them.",
        undo="Nothing has been changed up to here.",
        unattended=False,
    )


def _lift(facts: Facts) -> Step:
    return Step(
        "lift",
        "Lift the lock in the object store",
        facts.next,
        "manual",
        expect="With a key of your own, which the service does not have: a legal hold is set to `OFF` "
        "(`s3:PutObjectLegalHold`), a governance lock is ended (`s3:BypassGovernanceRetention`), for each version. "
        "Where new objects are locked by a default of the bucket, that default is answered for or taken away.",
        undo="Lock them again, as long as they are there.",
        unattended=False,
    )


BOOK = Book(
    "object-lock-in-the-way",
    "Somebody is to be forgotten, and Object Lock keeps what is theirs",
    erasing.ABOUT,
    erasing.general("locked"),
    erasing.gather_for("object-lock-in-the-way"),
    steps,
)
