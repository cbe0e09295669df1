"""The runbook "residue-found": the rows were erased, and the search afterwards found the person again."""

from runbooks import erasing
from runbooks.book import Book
from runbooks.erasing import READS, Facts, words
from runbooks.step import Step


def steps(facts: Facts) -> tuple[Step, ...]:
    """Return the steps for this request."""
    told = erasing.tell(
        facts,
        "Whoever answers for data protection knows where the person was found, how it came there, and whether others "
        "who were erased before can stand there, too.",
    )
    return (erasing.look(facts), *_find(facts), *_mend(facts), *erasing.carry_on(facts), told)


def _find(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            "verify",
            "Search once more, now",
            "What was found may be gone since, and more may have come: somebody still writes it, or a view was "
            "refreshed from a copy.",
            "check",
            expect="The places by name with how often, never the value. None: go on to the run.",
            undo=READS,
            words=words(facts, "gdpr", "verify", facts.request),
            judge=erasing.looked,
        ),
        Step(
            "whose",
            "Decide whose it is that was found",
            "Another person may go by the same name or share an address; a text of others may quote them. What is of "
            "somebody else stays, and only what names the person may go.",
            "decision",
            expect="For each place you know whether it is a copy (a view, a search table, statistics), a row "
            "that was written late, a text that quotes, or a table that the policy says wrong things about. "
            "Abort if you do not.",
            undo="Nothing has been changed up to here.",
            unattended=False,
        ),
    )


def _mend(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            "mend",
            "Take it out where it stands, and say it in the policy where it would come again",
            facts.next,
            "manual",
            expect="A materialized view is refreshed; the planner's samples are drawn anew (`analyze`); a late "
            "row is deleted by whoever owns it, and what wrote it is stopped; a column that quotes people is "
            "declared as such; a table that holds them has an owner in the policy.",
            undo="What you deleted by hand is gone: note it where your team keeps such notes.",
            unattended=False,
        ),
        Step(
            "check",
            "See that the policy still fits the database",
            "A sentence that was added in a hurry can be wrong, and a wrong one deletes.",
            "check",
            expect="No mistake (exit code 0).",
            undo=READS,
            words=words(facts, "policy", "check", "--live"),
        ),
    )


BOOK = Book(
    "residue-found",
    "Somebody was erased, and the search afterwards found them again",
    erasing.ABOUT,
    erasing.general("found again"),
    erasing.gather_for("residue-found"),
    steps,
)
