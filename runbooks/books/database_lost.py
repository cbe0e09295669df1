"""The runbook "database-lost": a database is gone with its server; bring it back from a dump onto an empty one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from lifecycle.outside.commands import Finished
from lifecycle.system import System
from runbooks.book import Book, plan_of
from runbooks.step import Step

READS = "Nothing to undo: it only reads."
VARIABLE = "LIFECYCLE_ADMIN_DSN"


@dataclass(frozen=True, slots=True)
class Facts:
    """The system, and the plan that somebody has read. `plan` is a hash, or PLAN on a general page."""

    system: str
    plan: str


GENERAL = Facts("SYSTEM", "PLAN")
"""Placeholders, for a page that is read before anything has happened."""


def gather(system: System, about: Mapping[str, str]) -> Facts:
    """Return what it was told; asks nobody, for the database is gone. Raise InputError when that is no hash."""
    plan = plan_of(
        about,
        f"Make an empty server, set {VARIABLE} to a superuser's connection to it, and take the hash "
        "that `lifecycle backups restore plan` prints.",
    )
    return Facts(system.name, plan)


def steps(facts: Facts) -> tuple[Step, ...]:
    """Return the steps for this plan."""
    return (*_before(facts), *_act(facts), *_after(facts))


def _before(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            "stop",
            "Stop the application and every daemon of Lifecycle",
            "Whoever writes to what is left of the old server, or to the new one before it is whole, writes "
            "what nobody has a copy of.",
            "manual",
            expect="No process of the application, and no `lifecycle daemon` or `worker`, is running. "
            "Keep the old disks.",
            undo="Start them again.",
            unattended=True,
        ),
        Step(
            "plan",
            "Read once more what would be done on the empty server",
            "It says from which dump, what was written after it and is lost, who was erased since, and which "
            "logins have no password yet.",
            "check",
            expect=f"The plan {facts.plan}. Where it is another by now, begin again with that one.",
            undo=READS,
            words=_words(facts, "--json", "backups", "restore", "plan"),
            judge=lambda finished: _same(finished, facts.plan),
        ),
        Step(
            "decide",
            "Decide whether this dump is the way back",
            "Point-in-time recovery by WAL-G, where there is one, loses minutes, and this up to a day.",
            "decision",
            expect="Go on when no better copy exists, or the loss is borne. Otherwise abort here.",
            undo="Nothing has been changed up to here.",
            unattended=True,
        ),
    )


def _same(finished: Finished, plan: str) -> bool:
    return finished.exit_code == 0 and f'"{plan}"' in finished.stdout


def _act(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            "restore",
            "Bring the database back",
            "It is made under another name, closed to everybody but superusers, compared with what was dumped, "
            "and only then gets its name. Killed, it may be run again. Its rows come by `lifecycle_restorer`, "
            "a login that is no superuser: let it in by `pg_hba.conf`. It is gone afterwards.",
            "command",
            expect="It is back (exit code 0); or it is back and closed (9), as somebody was erased since the "
            "dump, or nobody can tell. With 1 it is not as it was dumped, and is not opened: read what differs.",
            undo="`drop database`, on that server.",
            words=_words(facts, "backups", "restore", "apply", facts.plan),
            judge=lambda finished: finished.exit_code in (0, 9),
            limit=timedelta(hours=8),
        ),
        Step(
            "init",
            "Let the service in again",
            "No password comes back. `init` sets those of the service's logins that the settings name, "
            "and makes what a newer version needs.",
            "manual",
            expect=f"Let the settings' `dsn` name the new server, and {VARIABLE} the restored database; "
            "`lifecycle init` ends with 0.",
            undo="Nothing to undo: it only adds what lacks.",
            unattended=False,
        ),
    )


def _after(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            "erasures",
            "Erase again who was erased since the dump, then open the database",
            "Whoever was forgotten since is there again. The database lets the service in alone until then; "
            "superusers alone, where nobody can tell who that is.",
            "manual",
            expect="Where the restore ended with 9: `lifecycle gdpr replay plan` and `apply` (the runbook "
            "`restored-database-came-up` leads through it), then `lifecycle backups restore plan` and `apply` once "
            "more, which open it. Where nobody can tell: find out, then `alter database ... connection limit -1`.",
            undo="`alter database ... connection limit 0` closes it again.",
            unattended=False,
        ),
        Step(
            "passwords",
            "Set the passwords of the application's logins, and point it at the new server",
            "They are kept where the application's secrets are, and in no dump.",
            "manual",
            expect="`\\password LOGIN` in psql for each login that the plan named.",
            undo="None is needed.",
            unattended=False,
        ),
        Step(
            "doctor",
            "See that the service finds all it needs",
            "A right that did not come back stops the next night's run, and not this one.",
            "check",
            expect="No finding (exit code 0).",
            undo=READS,
            words=_words(facts, "doctor"),
        ),
        Step(
            "tell",
            "Start the application and the daemon, and tell those who wait",
            "What was written since the dump is lost: whoever wrote it must hear that.",
            "manual",
            expect="The application's queries are answered, and a message says from when on what was written is lost.",
            undo="A correction.",
            unattended=False,
        ),
    )


def _words(facts: Facts, *words: str) -> tuple[str, ...]:
    return ("--system", facts.system, *words)


BOOK = Book(
    "database-lost",
    "A database is lost with its server: bring it back from a dump",
    {"plan": "The hash that `lifecycle backups restore plan` or `table` printed."},
    GENERAL,
    gather,
    steps,
)
