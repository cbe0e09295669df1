"""The runbook "wal-archiving-broken": the watch says that the log does not get to the archive as it should."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from backups.section import SECTION
from backups.wal_g import program
from lifecycle.errors import Refused
from lifecycle.outside.commands import Finished
from lifecycle.system import System
from runbooks.book import Book
from runbooks.step import Step

READS = "Nothing to undo: it only reads."


@dataclass(frozen=True, slots=True)
class Facts:
    """The system, how WAL-G is called as a shell has it, and what may be lost of the log by the policy."""

    system: str
    wal_g: str
    rpo: str


GENERAL = Facts("SYSTEM", "wal-g", "what the policy promises")
"""Placeholders, for a page of no system."""


def gather(system: System, _: Mapping[str, str]) -> Facts:
    """Return what is promised, and how WAL-G is called; asks no server. Raise Refused, and as `program.find`."""
    promised = SECTION.of(system.policy).wal_g
    if promised is None:
        raise Refused(
            f"the policy of {system.name} promises nothing of WAL-G",
            hint="Add `backups: wal_g:` to it: nobody watches the archive before.",
        )
    return Facts(system.name, shlex.join(program.find(system).argv), str(promised.rpo))


def steps(facts: Facts) -> tuple[Step, ...]:
    """Return the steps for this system."""
    return (*_see(facts), *_mend(facts), *_prove(facts))


def _see(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            "watch",
            "Let the watch look once more, and read what it says",
            "`archive_command: it failed on ...`: PostgreSQL tries again and again and keeps what it could not store; "
            "nothing is lost while its disk has room. `the server says that it is archived, and the store does not "
            "have it`: the command says so and stores nothing, or stores elsewhere; what PostgreSQL removes from "
            "pg_wal is lost. `closed segments not in the store`: storing is slower than writing, or waits. `not in the "
            "store, no moment after it can be come back to`: a hole; only a new base backup ends it. `could not "
            "verify`: the store does not answer here, which says nothing of the server's way to it.",
            "check",
            expect="A line for each thing that is wrong, with a hint (exit code 1); or `pass` (0): it mended itself.",
            undo=READS,
            words=_run(facts),
            judge=lambda finished: finished.exit_code in (0, 1, 9),
        ),
        _typed(
            "disk",
            "See how long the disk of the log lasts",
            "What is not archived stays in pg_wal. A full disk stops the server, and with it the application.",
            "As a superuser, `select pg_size_pretty(sum(size)) from pg_ls_waldir()`, and `df` of that directory on the "
            "host. Less than an hour left: make room first, on another disk or by a larger one. Never delete "
            "from pg_wal by hand.",
            undo=READS,
        ),
        _typed(
            "store",
            "See whether the store takes anything from the server's own host",
            "Most often it is a credential, a full bucket, a name that does not resolve, or another program.",
            f"As the account that PostgreSQL runs as, on its host: `{facts.wal_g} st ls wal_005/`. It lists and ends "
            "with 0; otherwise mend what it says. The server's log has what each try of `archive_command` said.",
            undo=READS,
        ),
    )


def _mend(facts: Facts) -> tuple[Step, ...]:
    push = f"{facts.wal_g} wal-push %p".replace("'", "''")
    return (
        _typed(
            "mend",
            "Let the server archive with WAL-G again",
            "A command like `/bin/true`, set for an hour years ago, says that all is well. PostgreSQL takes the "
            "setting over without a restart; `archive_mode` alone needs one.",
            f"As a superuser, where `show archive_command` is another: `alter system set archive_command = '{push}'` "
            "and `select pg_reload_conf()`. With the variables that WAL-G needs in the server's own environment.",
            undo="`alter system reset archive_command`, and `select pg_reload_conf()`.",
        ),
        _typed(
            "missing",
            "Store what the server believes to be archived, and is not",
            "It never tries these again. They lie in pg_wal until the next checkpoint or two: at once.",
            "As the account that PostgreSQL runs as, in its data directory, for each segment that the watch named: "
            f"`{facts.wal_g} wal-push pg_wal/SEGMENT`. None was named, or it is gone from pg_wal: go on.",
            undo="Nothing to undo: it adds what was to be there.",
        ),
    )


def _prove(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            "point",
            "Write a restore point, and see that the archive has it",
            "It closes a segment and waits until the store has it, whole and of this server: the server's word that "
            "it is archived is not asked for.",
            "command",
            expect="`pass`, and that it is in the archive (exit code 0). Otherwise begin again with the first step.",
            undo="Nothing to undo: a point is a few bytes of the log.",
            words=("--system", facts.system, "backups", "point"),
            limit=timedelta(hours=4),
        ),
        Step(
            "again",
            "See that the watch finds nothing any more",
            f"What waited is stored in its order; until the last of it is there, more than {facts.rpo} can be lost.",
            "check",
            expect="`pass` (exit code 0), within half an hour. A hole that stays is no longer mended: take a base "
            "backup in the next step.",
            undo=READS,
            words=_run(facts),
            judge=_passed,
            patience=timedelta(minutes=30),
        ),
        Step(
            "base",
            "Take a base backup where a segment is lost for good",
            "Nothing after a hole can be come back to, but from a base backup that is younger.",
            "decision",
            expect="Where the watch names no hole, go on. Otherwise `lifecycle backups push`, or `wal-g backup-push` "
            "by whoever takes them; then `lifecycle backups ack-gap`, with who knows of the hole and why.",
            undo="A base backup too many does no harm.",
            unattended=False,
        ),
        Step(
            "tell",
            "Write down from when to when nobody could have come back",
            "Had the server been lost in that time, what was written since would have been: an auditor asks for it.",
            "manual",
            expect="A line where your team keeps such lines, with the cause and the number of the watch's first run "
            "that failed (`lifecycle runs list --job backups.watch`).",
            undo="A correction.",
            unattended=False,
        ),
    )


def _passed(finished: Finished) -> bool | None:
    return True if finished.exit_code == 0 else None


def _typed(name: str, title: str, why: str, typed: str, undo: str) -> Step:
    """Return a step that a person types on the server: it is no command of ours."""
    return Step(name, title, why, "manual", expect=typed, undo=undo, unattended=False)


def _run(facts: Facts) -> tuple[str, ...]:
    return ("--system", facts.system, "run", "backups.watch")


BOOK = Book(
    "wal-archiving-broken",
    "The log does not get to WAL-G's archive as it should",
    {},
    GENERAL,
    gather,
    steps,
)
