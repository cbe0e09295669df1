"""What can be wrong with an installation that promises what WAL-G keeps: program, store, rights, rpo. Reads only."""

from collections.abc import Iterator, Mapping

from backups.section import SECTION
from backups.wal_g import measured, point, program, statements
from backups.wal_g.watch import lag
from backups.wal_g.watch import statements as watching
from backups.wal_g.words import unkept
from lifecycle.admin.finding import Finding, Look, bad, fine, not_asked, refused
from lifecycle.errors import LifecycleError
from lifecycle.system import System

_NOTHING = "the policy promises nothing of WAL-G"


def _program(system: System) -> Iterator[Finding]:
    label = f"{system.name}: WAL-G"
    if SECTION.of(system.policy).wal_g is None:
        yield not_asked(label, _NOTHING)
        return
    why = "Restore points and drills fetch with it, and so does PostgreSQL when the server is brought back."
    try:
        walg = program.find(system)
        yield fine(label, f"{walg.path}, {walg.version()}, SHA-256 {walg.sha256}")
        segments = len(measured.stored(walg))
    except LifecycleError as error:
        yield refused(label, error, why)
        return
    yield fine(label, f"its store answers, with {segments:,} files of the log")


def _point(system: System) -> Iterator[Finding]:
    label = f"{system.name}: restore points"
    promised = SECTION.of(system.policy).wal_g
    if promised is None:
        yield not_asked(label, _NOTHING)
        return
    with system.connect("doctor", write=False) as conn:
        may = conn.execute(statements.MAY_POINT).fetchone()
        timeout = conn.execute(statements.ARCHIVE_TIMEOUT).fetchone()
    assert may is not None
    assert timeout is not None
    if not may[0]:
        why = "Without a named point in the log no drill knows where to come back to."
        yield bad(label, "the service may not write one", why, point.GRANT)
    else:
        yield fine(label, "the service may write them")
    if broken := unkept(promised, timeout[0]):
        why = "The promise cannot be kept, and each drill fails for it."
        yield bad(
            label, broken, why, "`alter system set archive_timeout = ...`, or correct the policy."
        )


def _watch(system: System) -> Iterator[Finding]:
    label = f"{system.name}: archive"
    if SECTION.of(system.policy).wal_g is None:
        yield not_asked(label, _NOTHING)
        return
    with system.connect("doctor", write=False) as conn:
        may = conn.execute(watching.MAY_LIST).fetchone()
    if may == (True,):
        yield fine(label, "the service may list what the server still has of the log")
    else:
        why = "Nobody can tell for how long a segment waits, nor which of them only the server says is archived."
        yield bad(label, lag.MAY_NOT.why, why, lag.GRANT)


FINDINGS: Mapping[str, Look] = {"WAL-G": _program, "restore points": _point, "archive": _watch}
