"""What tests of how base backups end share: a server with three of them, a copy of its archive that is days old, runs."""

import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from backups.wal_g import drill
from backups.wal_g.ends import delete
from backups.wal_g.ends.promise import PROMISE
from backups.wal_g.ends.survey import survey_store
from lifecycle.ledger import claims
from lifecycle.outcome import Outcome, Verdict
from lifecycle.system import System
from tests.keep import keep, work
from tests.wal_g.clinic import Clinic, now, opened, told
from tests.wal_g.source import Archive, Source, private

PROMISED = {"base": "1 second", "window": "1 second", "keep": "2 seconds"}
AGED = 3 * 86_400


@contextmanager
def three() -> Generator[Clinic]:
    """Give a server with three base backups, older than what is kept; a drill has come back with the last of them."""
    source, place = Source(), private("lifecycle-ends-")
    place.chmod(0o711)
    try:
        made = opened(source, place)
        source.push("--full")
        made.after()
        source.push()
        made.after()
        source.push("--full")
        made.after()
        assert made.point().verdict is Verdict.PASS
        made.after()
        drilled = ran(made, drill.JOB, made.system())
        assert drilled.verdict is Verdict.PASS, told(drilled)
        time.sleep(3)
        yield made
    finally:
        source.end()
        shutil.rmtree(place)


@contextmanager
def copy(kept: Clinic) -> Generator[Archive]:
    """Give a copy of its archive that is days old, in the order in which it was written."""
    place = private("lifecycle-archive-")
    try:
        made = kept.source.copy(place)
        files = sorted(
            (f for f in made.store.rglob("*") if f.is_file()), key=lambda f: f.stat().st_mtime_ns
        )
        for after, file in enumerate(files):
            at = time.time() - AGED + after
            os.utime(file, (at, at))
        yield made
    finally:
        shutil.rmtree(place)


def ran(kept: Clinic, job: str, system: System) -> Outcome:
    """Run the job and let its run end."""
    claim = kept.claim(job)
    drills = job == drill.JOB
    outcome = (
        work(drill.carry_out, system, claim, now())
        if drills
        else keep(PROMISE, system, claim, now())
    )
    with kept.system().connect("test") as conn:
        claims.finish(conn, claim, outcome)
    return outcome


def names(at: System) -> list[str]:
    return [one.backup_name for one in survey_store(at, now(), None).there.backups]


def dies(kept: Clinic, at: System, of: Any, deletes: str, after: int) -> bool:
    """Run it in a process that is gone after so many calls of what `deletes`; say whether that was before its end."""
    claim, child = kept.claim(delete.JOB), os.fork()
    if child == 0:
        left, really = [after], getattr(of, deletes)

        def at_last(*words: Any) -> Any:
            if left[0] == 0:
                os._exit(9)
            left[0] -= 1
            return really(*words)

        try:
            setattr(of, deletes, at_last)
            keep(PROMISE, at, claim, now())
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    kept.end(claim)
    return os.waitstatus_to_exitcode(status) == 9
