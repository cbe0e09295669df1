"""The runbook "restored-database-came-up": a database was put back, and people are in it who were erased since."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from lifecycle.outside.commands import Finished
from lifecycle.system import System
from runbooks.book import Book, plan_of
from runbooks.step import Step

READS = "Nothing to undo: it only reads."


@dataclass(frozen=True, slots=True)
class Facts:
    """The system, and the plan that somebody has read. `plan` is a hash, or PLAN on a general page."""

    system: str
    plan: str


GENERAL = Facts("SYSTEM", "PLAN")
"""Placeholders, for a page that is read before anything has happened."""


def gather(system: System, about: Mapping[str, str]) -> Facts:
    """Return what it was told. Raise InputError when that is no hash."""
    plan = plan_of(
        about,
        "Take the hash that `lifecycle gdpr replay plan` prints.",
    )
    return Facts(system.name, plan)


def steps(facts: Facts) -> tuple[Step, ...]:
    """Return the steps for this plan."""
    return (*_before(facts), *_after(facts))


def _before(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            "stop",
            "Keep the application away from the database",
            "People stand in it who were promised to be gone, and whoever signs up now may get a key of theirs.",
            "manual",
            expect="No process of the application reaches it. The daemon may go on: it reads nothing out.",
            undo="Start it again.",
            unattended=True,
        ),
        Step(
            "plan",
            "Read who would be erased again",
            "Each is named by the reference of the request, with what would go. Refused is whoever goes by "
            "other names than the erased person: after a restore a key can be given anew.",
            "check",
            expect=f"The plan {facts.plan}. Where it is another by now, begin again with that one.",
            undo=READS,
            words=_words(facts, "--json", "gdpr", "replay", "plan"),
            judge=lambda finished: _same(finished, facts.plan),
        ),
        Step(
            "decide",
            "Decide whether this is the database that is to live",
            "What is erased again is gone for good. Where another copy is to be put back instead, abort here.",
            "decision",
            expect="Go on when the application is to work on this one.",
            undo="Nothing has been changed up to here.",
            unattended=True,
        ),
        Step(
            "replay",
            "Erase them again, and have it proven",
            "By the engine that erased them first: rows, objects, audit log, and a search afterwards. Killed, it "
            "may be run again with a new plan.",
            "command",
            expect="It ends with 0, or with 9 where the search could not look at some place. With 1 it names who "
            "is left, and the fence stands.",
            undo="None: that is what was promised to them.",
            words=_words(facts, "gdpr", "replay", "apply", facts.plan),
            judge=lambda finished: finished.exit_code in (0, 9),
            limit=timedelta(hours=12),
        ),
    )


def _same(finished: Finished, plan: str) -> bool:
    return finished.exit_code == 0 and f'"{plan}"' in finished.stdout


def _after(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            "check",
            "See that the fence is lifted",
            "Jobs that read rows out of the database run again only then.",
            "check",
            expect="Nothing is left to be erased again: a plan without a step (exit code 0).",
            undo=READS,
            words=_words(facts, "--json", "gdpr", "replay", "plan"),
            judge=lambda finished: finished.exit_code == 0 and '"steps": []' in finished.stdout,
        ),
        Step(
            "open",
            "Let the application in again",
            "A database that `backups restore` brought back lets the service in alone until now.",
            "manual",
            expect="After `backups restore`: its `plan` and `apply` once more open it. Else: start the application.",
            undo="Stop it again.",
            unattended=False,
        ),
        Step(
            "resume",
            "Catch up what the fence held back, and tell those who wait",
            "Each run that was refused meanwhile failed, and is resumed by hand.",
            "manual",
            expect="`lifecycle runs list --state finished --count 20` names them; `lifecycle runs resume RUN` each.",
            undo="None is needed.",
            unattended=False,
        ),
    )


def _words(facts: Facts, *words: str) -> tuple[str, ...]:
    return ("--system", facts.system, *words)


BOOK = Book(
    "restored-database-came-up",
    "A restored database came up: erase again who was erased since",
    {"plan": "The hash that `lifecycle gdpr replay plan` printed."},
    GENERAL,
    gather,
    steps,
)
