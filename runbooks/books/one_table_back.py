"""The runbook "one-table-back": rows of one table were deleted or lost; bring back what a dump has of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from lifecycle.outside.commands import Finished
from lifecycle.system import System
from runbooks.book import Book, plan_of
from runbooks.step import Step

READS = "Nothing to undo: it only reads."
LOOK = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Facts:
    """The system, the table, the dump, and the plan that somebody has read. `plan` is a hash, or PLAN."""

    system: str
    table: str
    dump: str
    plan: str


GENERAL = Facts("SYSTEM", "TABLE", "DUMP", "PLAN")
"""Placeholders, for a page that is read before anything has happened."""


def gather(system: System, about: Mapping[str, str]) -> Facts:
    """Return what it was told. Raise InputError where the plan is no hash of one."""
    plan = plan_of(
        about,
        "Take the hash that `lifecycle backups restore table TABLE --dump DUMP` prints.",
    )
    return Facts(system.name, about["table"], about["dump"], plan)


def steps(facts: Facts) -> tuple[Step, ...]:
    """Return the steps for this table."""
    return (*_before(facts), *_act(facts))


def _before(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            "stop",
            "Stop what deletes them",
            "Rows that come back while a job, a migration or a person goes on deleting are gone again.",
            "manual",
            expect="You know what deleted them, and it does not run now. Was it this product's retention or an "
            "erasure, stop here: what was promised to be gone stays gone.",
            undo="Start it again.",
            unattended=True,
        ),
        Step(
            "look",
            f"See once more what the dump has and {facts.table} lacks",
            "The dump's rows of this table are restored on a private server, held against the dump's own counts, and "
            "compared by key. What is there with other values, and what came since, is counted and stays.",
            "check",
            expect=f"The plan {facts.plan}. Where it is another by now, begin again with that one. A refusal names "
            "what is missing first, such as rows of another table that these lead to.",
            undo=READS,
            words=_words(facts, "--json"),
            judge=lambda finished: _same(finished, facts.plan),
            limit=LOOK,
        ),
        Step(
            "decide",
            "Decide whether these rows shall come back as they were then",
            "They come back as of the dump: what was written to them later is not in it. An older dump may have rows "
            "that the newest has lost already: `lifecycle backups list`.",
            "decision",
            expect="Go on when the number of rows is what you miss. Otherwise abort here.",
            undo="Nothing has been changed up to here.",
            unattended=True,
        ),
    )


def _same(finished: Finished, plan: str) -> bool:
    return finished.exit_code == 0 and f'"hash": "{plan}"' in finished.stdout


def _act(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            "restore",
            f"Bring them back into {facts.table}",
            "In one transaction: all or none. No row is overwritten, nobody comes back who was forgotten since, "
            "foreign keys hold, and a trigger that changes other rows than the policy says undoes it.",
            "command",
            expect="`pass` (exit code 0), and as many rows as the plan said.",
            undo="The run's line on the ledger says how many came when; which they were says the dump. "
            "Delete them by hand.",
            words=_words(facts, "--apply", facts.plan),
            limit=LOOK,
        ),
        Step(
            "again",
            "See that nothing is missing any more",
            "What was deleted meanwhile would be missing again.",
            "check",
            expect="No step is left to do.",
            undo=READS,
            words=_words(facts, "--json"),
            judge=_nothing,
            limit=LOOK,
        ),
        Step(
            "others",
            "See to the rows of other tables that went with them",
            "A cascade takes rows of other tables along, and they do not come by themselves: those that others lead to "
            "first.",
            "manual",
            expect="The same runbook for each table that lost rows; then the application shows what was missing.",
            undo="None is needed.",
            unattended=False,
        ),
        Step(
            "tell",
            "Tell those who missed them, from when the rows are",
            "What was written to these rows after the dump is lost, and only they can tell whether that matters.",
            "manual",
            expect=f"A message such as: “rows of {facts.table} are back as of {facts.dump}”.",
            undo="A correction.",
            unattended=False,
        ),
    )


def _nothing(finished: Finished) -> bool:
    return finished.exit_code == 0 and '"steps": []' in finished.stdout


def _words(facts: Facts, *words: str) -> tuple[str, ...]:
    asked = ("backups", "restore", "table", facts.table, "--dump", facts.dump)
    return ("--system", facts.system, *asked, *words)


BOOK = Book(
    "one-table-back",
    "Rows of one table were deleted or lost: bring back what a dump has",
    {
        "table": "The table, as the policy has it.",
        "dump": "The dump, from `lifecycle backups list`: the newest from before the rows were lost.",
        "plan": "The hash that `lifecycle backups restore plan` or `table` printed.",
    },
    GENERAL,
    gather,
    steps,
)
