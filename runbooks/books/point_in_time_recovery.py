"""The runbook "point-in-time-recovery": a whole server back from WAL-G, as it was at a point or a time."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backups.wal_g import program, wal_fetch
from lifecycle.errors import InputError
from lifecycle.system import System
from runbooks.book import Book
from runbooks.step import Step

READS = "Nothing to undo: it only reads."
BACKUP = re.compile(r"base_[0-9A-F]{24}(_D_[0-9A-F]{24})?")
POINT = re.compile(r"[A-Za-z_][\w.-]*")


@dataclass(frozen=True, slots=True)
class Facts:
    """Where to come back to, from what, into which new directory; `wal_g` is how WAL-G is called, as a shell has it."""

    wal_g: str
    backup: str
    target: str
    directory: str


GENERAL = Facts("wal-g", "BACKUP", "recovery_target_name = 'POINT'", "/DIRECTORY")
"""Placeholders, for a page that is read before anything has happened."""


def gather(system: System, about: Mapping[str, str]) -> Facts:
    """Return what it was told; asks no database, which may be gone. Raise InputError, and as `program.find`."""
    directory = Path(about["directory"])
    if not directory.is_absolute() or directory.exists():
        raise InputError(
            f"--directory is {directory}, which is there already or no whole path",
            hint="Name a new directory on a disk with room for server and log; nothing is restored over another.",
        )
    if BACKUP.fullmatch(about["backup"]) is None:
        raise InputError(
            f"--backup is {about['backup']!r}, which is no name of a base backup",
            hint="Take the newest finished before the moment, from `wal-g backup-list --detail`; never LATEST.",
        )
    argv = program.find(system).argv
    return Facts(shlex.join(argv), about["backup"], _target(about["target"]), str(directory))


def _target(said: str) -> str:
    """Return PostgreSQL's setting for a moment with its zone, or for the name of a restore point."""
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        if POINT.fullmatch(said):
            return f"recovery_target_name = '{said}'"
    else:
        if moment.tzinfo is not None:
            return f"recovery_target_time = '{moment.isoformat()}'"
    raise InputError(
        f"--target is {said!r}, neither a restore point's name nor a time with its zone",
        hint="Such as lifecycle_7_1_0, which `lifecycle backups point` printed, or 2026-11-27T14:05:00+00:00.",
    )


def steps(facts: Facts) -> tuple[Step, ...]:
    """Return the steps for this way back."""
    return (*_fetch(facts), *_recover(facts), *_open(facts))


def _fetch(facts: Facts) -> tuple[Step, ...]:
    place = shlex.quote(facts.directory)
    script = shlex.quote(str(wal_fetch.SCRIPT))
    return (
        Step(
            "stop",
            "Keep everybody from writing to the old server, and keep its disks",
            "What is written from here on is in no copy. Its disks may hold what the archive does not.",
            "manual",
            expect="The application is stopped. So is the old server, if it lives, and nothing of it is removed.",
            undo="Start them again.",
            unattended=False,
        ),
        _typed(
            "make",
            "Make a new directory",
            "A way back never goes over what is there: it may be all that is left.",
            f"mkdir -m 700 {place} {place}/data && cp {script} {place}/wal_fetch.sh",
            undo=f"`rm -r {place}`",
        ),
        _typed(
            "fetch",
            "Fetch the base backup",
            "By its name, for WAL-G's LATEST is whichever was changed last. With the variables that WAL-G needs here, "
            "such as those of the settings' `wal_g: environment:`. One with tablespaces is unpacked where the old "
            "server has them, over what lies there: on its host name other places with `--restore-spec`.",
            f"{facts.wal_g} backup-fetch {place}/data {facts.backup}",
            undo=f"`rm -r {place}`",
        ),
    )


_NO_SPACES = (
    "Where the log makes a tablespace, recovery stops at it rather than write into what may be the old server's: give "
    "`pg_tblspc` mode 700 only on a host where that directory is new and empty."
)


def _recover(facts: Facts) -> tuple[Step, ...]:
    place = shlex.quote(facts.directory)
    argv = tuple(shlex.split(facts.wal_g))
    fetch = wal_fetch.restore_command(Path(facts.directory) / "wal_fetch.sh", argv)
    quoted = fetch.replace("'", "''")
    settings = (
        f"restore_command = '{quoted}'",
        facts.target,
        "recovery_target_action = pause",
        "recovery_target_timeline = current",
        "archive_mode = off",
    )
    written = ("printf", "%s\\n", *settings)
    options = "-c archive_mode=off -c listen_addresses= "
    options += (
        f"-c unix_socket_directories={facts.directory} -c hba_file={facts.directory}/pg_hba.conf"
    )
    return (
        _typed(
            "configure",
            "Say where to come back to",
            "Archiving is off, or the copy would write into the old server's archive, and the next way back would "
            "follow it. The log is fetched by our script: PostgreSQL takes WAL-G's errors for the end of the log. "
            f"The timeline is the base backup's; after a failover, write the one to the moment. {_NO_SPACES}",
            f"{shlex.join(written)} >> {place}/data/postgresql.auto.conf"
            f" && echo 'local all all trust' > {place}/pg_hba.conf"
            f" && touch {place}/data/postgresql.conf {place}/data/recovery.signal"
            f" && chmod 500 {place}/data/pg_tblspc",
            undo=f"`rm -r {place}`",
        ),
        _typed(
            "start",
            "Start it, closed to the network",
            "It stops at the target and holds there, so that somebody can look before it is too late. "
            "pg_ctl ends with 0 even where recovery fails a moment later: only the log tells.",
            f"pg_ctl -D {place}/data -w -t 86400 -l {place}/log -o {shlex.quote(options)} start",
            undo=f"`pg_ctl -D {place}/data -m fast stop`, then `rm -r {place}`.",
        ),
        _typed(
            "look",
            "See that it holds at the target, and look at the data",
            "`recovery ended before configured recovery target was reached` in the log means that a segment is "
            "missing or damaged: take an earlier target. `insufficient parameter settings` names what has to be "
            "raised. Ask for the rows that matter, too.",
            f"psql -h {place} -U postgres -d postgres -c "
            "'select pg_get_wal_replay_pause_state(), pg_last_xact_replay_timestamp()'",
            expect="`paused`, and the time of the last transaction that is in it.",
            undo=READS,
        ),
    )


def _open(facts: Facts) -> tuple[Step, ...]:
    place = shlex.quote(facts.directory)
    return (
        Step(
            "decide",
            "Decide whether this is the moment",
            "Once it is opened it goes no further: for another moment it is fetched again.",
            "decision",
            expect="Go on when the rows that matter are there, and what must not be there is not. Otherwise stop it, "
            "remove it, and begin again with another target.",
            undo="Nothing but the new directory has been changed up to here.",
            unattended=False,
        ),
        _typed(
            "open",
            "Open it",
            "It gets a timeline of its own, and takes writes.",
            f"psql -h {place} -U postgres -d postgres -c 'select pg_wal_replay_resume()'",
            undo="None: fetch it again.",
        ),
        Step(
            "archive",
            "Let it archive again, and take a base backup at once",
            "Without a base backup of the new timeline the next way back begins before this one.",
            "manual",
            expect="The server runs with its own configuration and `archive_mode = on`; "
            "`wal-g backup-push` has ended with 0. "
            "Where the old server may still write, give it a prefix of its own first.",
            undo="Turn `archive_mode` off.",
            unattended=False,
        ),
        Step(
            "erasures",
            "Repeat the erasures that were made since the target, then let the application in",
            "Whoever was forgotten since is there again.",
            "manual",
            expect="`lifecycle run gdpr.erase` has erased the requests that stand in the database; "
            "later ones are made by hand. "
            "Then a message says from when on what was written is lost.",
            undo="A correction.",
            unattended=False,
        ),
    )


def _typed(
    name: str, title: str, why: str, typed: str, undo: str, expect: str = "It ends with 0."
) -> Step:
    """Return a step that a person types on the new host: it is no command of ours."""
    said = f"As the account that PostgreSQL runs as: `{typed}`. {expect}"
    return Step(name, title, why, "manual", expect=said, undo=undo, unattended=False)


BOOK = Book(
    "point-in-time-recovery",
    "Bring a whole server back from WAL-G, as it was at a point or a time",
    {
        "backup": "The base backup, from `wal-g backup-list --detail`: the newest that was finished before the target.",
        "target": "A restore point's name, or a time with its zone.",
        "directory": "A new directory on the new host.",
    },
    GENERAL,
    gather,
    steps,
)
