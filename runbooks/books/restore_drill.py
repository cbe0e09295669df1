"""The runbook "restore-drill": see now, and not when it burns, whether WAL-G's backup brings the server back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from backups.section import SECTION
from lifecycle.errors import Refused
from lifecycle.system import System
from runbooks.book import Book
from runbooks.step import Step

READS = "Nothing to undo: it only reads."


@dataclass(frozen=True, slots=True)
class Facts:
    """The system, and what is promised of its way back."""

    system: str
    rto: str


GENERAL = Facts("SYSTEM", "what the policy promises")
"""Placeholders, for a page of no system."""


def gather(system: System, _: Mapping[str, str]) -> Facts:
    """Return what is promised. Raise Refused where the policy promises nothing of WAL-G."""
    promised = SECTION.of(system.policy).wal_g
    if promised is None:
        raise Refused(
            f"the policy of {system.name} promises nothing of WAL-G",
            hint="Add `backups: wal_g:` to it; of dumps, `lifecycle backups drill` is the drill.",
        )
    return Facts(system.name, str(promised.rto))


def steps(facts: Facts) -> tuple[Step, ...]:
    """Return the steps for this system."""
    return (*_before(facts), *_drill(facts))


def _before(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            "doctor",
            "See that WAL-G, its store and the right to write a point are there",
            "Without them the drill ends with `could not verify`, which says nothing of the backup.",
            "check",
            expect="No finding (exit code 0). Mend what is of WAL-G; what is not may wait, skip it then.",
            undo=READS,
            words=_words(facts, "doctor"),
        ),
        Step(
            "point",
            "Write a point to come back to",
            "Recovery to the end of the archive proves nothing: a lost tail looks like its end. The point says "
            "what each table held, and the store is asked whether it has it.",
            "command",
            expect="`pass`, and that it is in the archive (exit code 0). Otherwise the archive does not keep up: "
            "mend that first.",
            undo="Nothing to undo: a point is a few bytes of the log.",
            words=_words(facts, "backups", "point"),
            limit=timedelta(hours=4),
        ),
        Step(
            "decide",
            "Decide whether this host may be busy now",
            "The drill fetches a whole base backup and reads every table: network, disk and a core, for as long as "
            "the way back takes. The server that is backed up is asked for nothing but a few rows.",
            "decision",
            expect="Go on when nothing else needs this host. Otherwise abort here.",
            undo="Nothing has been changed up to here.",
        ),
    )


def _drill(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            "recover",
            "Come back to the point, on a private server",
            "It archives nothing, listens on no network, and is removed at the end, whatever happens.",
            "command",
            expect="`pass` (exit code 0). With 1 the backup does not bring the server back: each line says what is "
            "lost, and the hint what to do; take a full base backup today. With 9 it is this host or the way to the "
            "store: mend that, and run this step again.",
            undo="Nothing to undo: the copy is gone.",
            words=_words(facts, "backups", "recover"),
            limit=timedelta(hours=12),
        ),
        Step(
            "times",
            "Compare with the drills before",
            f"What takes longer each month breaks the promise ({facts.rto}) one day; more base backups mend that.",
            "check",
            expect="A list of the latest drills, each with how long it took in its summary.",
            undo=READS,
            words=_words(facts, "runs", "list", "--job", "backups.recover", "--count", "5"),
        ),
        Step(
            "tell",
            "Write down who drilled and what came of it",
            "The evidence has the drill; why it was done by hand, and by whom, only a person knows.",
            "manual",
            expect="A line where your team keeps such lines, with the number of the run.",
            undo="A correction.",
            unattended=False,
        ),
    )


def _words(facts: Facts, *words: str) -> tuple[str, ...]:
    return ("--system", facts.system, *words)


BOOK = Book(
    "restore-drill",
    "See now whether WAL-G's backup brings the server back",
    {},
    GENERAL,
    gather,
    steps,
)
