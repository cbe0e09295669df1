"""Starts a process for a claimed run, watches its limit, and says when it died.

The process (`child.py`) beats and ends its run itself; the worker only waits for it. Where the worker dies, the
process goes on and nobody repeats its run. Never does a job's work itself.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

import psycopg

from lifecycle import clock
from lifecycle.cli_options import open_system
from lifecycle.errors import Fenced, LifecycleError
from lifecycle.job import Job
from lifecycle.ledger import claims
from lifecycle.ledger.claims import Claim
from lifecycle.logger import get_logger
from lifecycle.outcome import Failure, Outcome, Verdict
from lifecycle.outside import environment
from lifecycle.postgres.patient import PATIENCE
from lifecycle.running import stopping
from lifecycle.schedule.state import DaemonState
from lifecycle.settings.model import secrets_of
from lifecycle.system import System

log = get_logger("lifecycle.worker")

CHILD = (sys.executable, "-m", "lifecycle.running.child")
"""The command that carries one run out; system, run, attempt and holder are added."""

GRACE = timedelta(seconds=30)
"""How long a process has between being asked to end and SIGKILL, and beyond its limit before it is asked."""

CHILDREN_HEAR = environment.SETTINGS | environment.LIBPQ


def attend(
    state: DaemonState, system: System, claim: Claim, job: Job, *, over: Callable[[], None]
) -> None:
    """Start a process for this claim, wait for its end, and settle the run if the process did not.

    `over` is called between the two: to settle, a database is needed, and no longer a place to work in.
    """
    words = (system.name, str(claim.id), str(claim.attempt), claim.holder)
    child = subprocess.Popen(  # noqa: S603 - our own module, no shell
        [*CHILD, *words],
        stdin=subprocess.DEVNULL,
        env=hears(system, job, os.environ),
        start_new_session=True,
    )
    state.children[child.pid] = claim
    overdue = _wait(state, child, job.limit)
    # Before it is reaped: until then nobody else can be given its number.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    status = child.wait()
    del state.children[child.pid]
    state.ended[system.name, claim.id] = status
    over()
    stopped = status == -signal.SIGTERM and state.hurry.is_set()
    _settle(system, claim, job, status, overdue=overdue, stopped=stopped)


def _wait(state: DaemonState, child: "subprocess.Popen[bytes]", limit: timedelta) -> bool:
    """Wait until the process has ended, unreaped; end it beyond its limit or when the daemon must go.

    Return whether it was beyond its limit.
    """
    end = clock.monotonic() + limit.total_seconds() + GRACE.total_seconds()
    kill_at: float | None = None
    overdue = False
    while not _ended(child.pid):
        now = clock.monotonic()
        if kill_at is None and (state.hurry.is_set() or now > end):
            overdue = now > end
            kill_at = now + GRACE.total_seconds()
            # The alarm is what its own time limit sends: the run then says that it took too long.
            # Not by Popen, which would reap a process that has just ended.
            os.kill(child.pid, signal.SIGALRM if overdue else signal.SIGTERM)
        if kill_at is not None and now > kill_at:
            os.killpg(child.pid, signal.SIGKILL)
        time.sleep(0.05)
    return overdue


def _ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _settle(
    system: System, claim: Claim, job: Job, status: int, *, overdue: bool, stopped: bool
) -> None:
    """End a run whose process is gone and did not end it. Does nothing for one that is ended.

    `stopped`: we asked it to end before it could hear that, so the run had not begun.
    """
    try:
        with contextlib.closing(system.connect(f"settle {claim.id}", patience=PATIENCE)) as conn:
            if overdue:
                error = stopping.too_long(job.name, job.limit)
                failure = Failure(job.name, error.what, error.hint)
                outcome = Outcome(Verdict.FAIL, error.what, failures=(failure,))
                with contextlib.suppress(Fenced):
                    claims.finish(conn, claim, outcome, error_code=error.exit_code)
                return
            if stopped:
                asked = stopping.asked(job.name)
                with contextlib.suppress(Fenced):
                    claims.cancel(conn, claim, asked.what, error_code=asked.exit_code)
                return
            how = f"signal {-status}" if status < 0 else f"status {status}"
            summary = f"its process ended with {how} before the run did"
            if status > 0 and (why := _in_the_way(system.name)):
                summary += f": {why}"
            became = claims.abandon(conn, claim, retry_safe=job.retry_safe, summary=summary)
    except (psycopg.Error, LifecycleError) as error:
        # Its heartbeat stopped: whichever daemon ticks when the database is back takes it over.
        log.warning("cannot settle a run", run=claim.id, error=type(error).__name__)
        return
    if became is not None:
        log.warning("process died", run=claim.id, job=job.name, state=became, summary=summary)


def _in_the_way(system: str) -> str | None:
    """Return what is wrong with the files that a run's process reads anew: edited since, they are not ours any more."""
    try:
        open_system(system)
    except LifecycleError as error:
        return error.what
    return None


def hears(system: System, job: Job, ours: Mapping[str, str]) -> dict[str, str]:
    """Return what the process of a run gets of our environment: what this system's jobs need, and no more."""
    # How it says that its run failed, where the ledger takes no alert, is among it.
    named = dict((*secrets_of(system.settings, ""), *secrets_of(system.machine.alerts, "alerts")))
    if switch := system.machine.pings.jobs.get(job.name):
        named[job.name] = switch
    names = CHILDREN_HEAR
    if system.settings.password is None:
        names |= environment.PASSWORD
    if system.settings.s3 is not None:
        names |= environment.AWS
    return environment.inherited(ours, names, named.values())
