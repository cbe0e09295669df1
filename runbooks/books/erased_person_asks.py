"""The runbook "erased-person-asks": somebody who was forgotten asks what is there of them, or to be forgotten again."""

from runbooks import erasing
from runbooks.book import Book
from runbooks.erasing import READS, Facts, words
from runbooks.step import Step


def steps(facts: Facts) -> tuple[Step, ...]:
    """Return the steps for this request."""
    return (
        erasing.look(facts),
        *_now(facts),
        Step(
            "certificate",
            "Write the certificate of what was erased",
            "It says what was erased, what was kept and on which ground, what was not inspected, and when the "
            "last copy dies in the backups, without a word about the person: it is what you send.",
            "command",
            expect="A page and a signed document in a new directory (exit code 0). It is there already: send "
            "that, and skip this.",
            undo="Deleting the directory.",
            words=words(facts, "gdpr", "certificate", facts.request),
        ),
        Step(
            "answer",
            "Answer the person",
            "A new question has days of its own (GDPR Art. 12(3)); the answer to the earlier one was due by "
            f"{facts.deadline}.",
            "manual",
            expect="They have the certificate, and know of what came since. Write down that and when they asked, and "
            "nothing of who they are: you would keep them again.",
            undo="A correction.",
            unattended=False,
        ),
    )


def _now(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            "verify",
            "See when nothing of them was found, and what was not looked at then",
            "Who they were is known to nobody here since: neither from their name nor from their old number can "
            "it be told what was theirs. The day of the proof can.",
            "check",
            expect="`erased, and found nowhere it was looked`, with its day.",
            undo=READS,
            words=words(facts, "gdpr", "verify", facts.request),
            judge=erasing.looked,
        ),
        Step(
            "since",
            "See whether they are known again",
            "Who signs up again, or is written about by others, is a new person to every table. Make sure first "
            "that it is they who ask.",
            "manual",
            expect="With the key that the application has for them now, if it has one: `lifecycle gdpr plan "
            "--person -`, which reads it from the keyboard. It counts what there is of them. None: say so. Some: "
            "they may ask to see it (`lifecycle gdpr export - --to FILE`), or to have it erased by a new request "
            "in the application.",
            undo=READS,
            unattended=False,
        ),
    )


BOOK = Book(
    "erased-person-asks",
    "Somebody who was forgotten asks what is still there of them, or to be forgotten again",
    erasing.ABOUT,
    erasing.general("proven"),
    erasing.gather_for("erased-person-asks"),
    steps,
)
