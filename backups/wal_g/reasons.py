"""Why a copy did not get to its point, by what its server said. Pure.

`pg_ctl` ends with 0 in most of these cases, as the server takes queries before recovery fails: only its log tells.
"""

import re

from backups.wal_g import program
from lifecycle.errors import LifecycleError, NotFound, Refused, Unproven
from lifecycle.outside.commands import redacted

_RESTORED = re.compile(r'restored log file "([0-9A-F.a-z]+)"')
_LOST = re.compile(r'could not restore file "([0-9A-F.a-z]+)" from archive: .*exit code (\d+)')

_KINDS: tuple[tuple[str, type[LifecycleError], str, str], ...] = (
    (
        r"recovery aborted because of insufficient parameter settings|insufficient parameter settings",
        Refused,
        "the copy's server has lower limits than the source had",
        "This is a mistake in the program: report it with the settings `max_...` of the source.",
    ),
    (
        r'could not create (symbolic link|directory) "pg_tblspc/',
        Refused,
        "the log makes a tablespace, and recovery would take the directory that is the source's",
        "It was stopped before it wrote there. Take a base backup, and see what is said of tablespaces.",
    ),
    (
        r"is not a child of this server's history|not in this server's history",
        Unproven,
        "the base backup lies on a timeline from which none leads to the point",
        "A server was promoted in between: take a base backup on the one that is written to now.",
    ),
    (
        r"could not access file|could not load library|not compatible with this server|files are incompatible",
        NotFound,
        "this host's PostgreSQL lacks what the copy needs: a library, or the source's major version",
        "Install the source's version with its extensions here, or name it under `postgres_binaries:`.",
    ),
    (
        r"could not locate (required|a valid) checkpoint record|could not find redo location",
        Unproven,
        "the log of the base backup itself is not in the archive",
        "Take a base backup, and look why its log was not archived.",
    ),
    (
        r"No space left on device|File too large",
        Refused,
        "the disk is full",
        "Free space, or name a directory on a larger disk under `scratch:` in the settings.",
    ),
)
_ENDED = "recovery ended before configured recovery target was reached"


def why(log: str, otherwise: LifecycleError) -> LifecycleError:
    """Return what a server's log says that recovery ended for; `otherwise` where it says nothing we know."""
    restored = _RESTORED.findall(log)
    after = f"after {restored[-1]}" if restored else "from the first segment on"
    if lost := _LOST.search(log):
        return _not_fetched(lost[1], log)
    for pattern, kind, what, hint in _KINDS:
        if re.search(pattern, log):
            return kind(what, hint=hint)
    if _ENDED in log:
        return Unproven(
            f"the log ends {after}, before the point: a segment is missing, or it is damaged",
            hint="Nothing later can be come back to. Take a base backup now, then look who removed or changed it.",
        )
    fatal = [line for line in log.splitlines() if re.match(r"(FATAL|PANIC):", line)]
    said = f": {redacted(fatal[-1], {})}" if fatal else ""
    return type(otherwise)(f"{otherwise.what.splitlines()[0]}{said}", hint=otherwise.hint)


def _not_fetched(name: str, log: str) -> LifecycleError:
    """Return why one file could not be fetched: the way to the store, or the file."""
    said = " ".join(re.findall(r"^lifecycle wal-fetch: .*", log, re.MULTILINE)[-4:])
    for pattern, kind, what, hint in program.KINDS:
        if re.search(pattern, said, re.IGNORECASE):
            return kind(f"{what} ({name})", hint=hint)
    return Unproven(
        f"{name} lies in the archive and cannot be read: it is damaged",
        hint="Nothing later can be come back to. Take a base backup now, then look who changed it.",
    )
