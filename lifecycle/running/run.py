"""One run, in this process: alive by heartbeat, ended by its deadline, its end on the ledger.

Whatever happens to the process, the ledger tells it: a run ends with a verdict, is cancelled, is put back, or
falls silent and is reclaimed. A process that lost its claim, or cannot say that it is alive, ends at once: nothing
may be written late. Never decides what a job does. Runs in the main thread only: signals are how it is stopped.
"""

import contextlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import cron, fence, progress, unexpected, words
from lifecycle.errors import (
    Conflict,
    Fenced,
    InputError,
    Interrupted,
    LifecycleError,
    Unreachable,
)
from lifecycle.job import Job
from lifecycle.ledger import claims, daemons, months, plans
from lifecycle.ledger.claims import ATTEMPTS, Claim
from lifecycle.logger import get_logger
from lifecycle.outcome import Failure, Outcome, Verdict
from lifecycle.outside import ping
from lifecycle.running import apply
from lifecycle.running.heartbeat import Heartbeat
from lifecycle.running.stopping import Stop, Stopping
from lifecycle.schedule import reclaim
from lifecycle.system import System
from lifecycle.watch import unwritten

log = get_logger("lifecycle.run")

EARLY = timedelta(seconds=60)
"""How far another scheduler's clock may be ahead of the database's: as far as a daemon's may be off it."""

BACK_OFF = (timedelta(minutes=1), timedelta(minutes=5))
"""How long a run waits after its first and second attempt found a server unreachable."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: its outcome, and the error that ended it early, if one did."""

    outcome: Outcome
    error: LifecycleError | None = None

    @property
    def exit_code(self) -> int:
        """Return the exit code of a command that ran this: 0, 1, 9, or the error's own."""
        if self.error is not None:
            return self.error.exit_code
        return {Verdict.FAIL: 1, Verdict.UNVERIFIED: 9}.get(self.outcome.verdict, 0)

    @property
    def well(self) -> bool:
        """Say whether the run ended with nothing found wrong and nothing in its way."""
        return self.error is None and self.outcome.well


def by_hand(system: System, job: Job, plan: str | None = None) -> Outcome:
    """Run `job` once for a person, now by the database's clock, on the ledger like every other run; return its outcome.

    `plan` is the hash of a plan that the person was shown; the run keeps it, and does that or nothing, also when it
    is resumed. Raise Conflict when a run of this job is going on or that plan is not what would be done now, and
    whatever error ended the run early. A run by hand is never tried again by itself.
    """
    with contextlib.closing(system.connect(f"run {job.name}")) as conn:
        _clear_the_way(conn, system, job)
        claim = claims.claim_new(
            conn,
            system.name,
            job.name,
            daemons.time(conn),
            claims.new_holder(),
            asked_by="person",
            lease=system.machine.daemon.stale,
            plan=plan,
        )
    ending = _carry_out(system, claim, job, retry=False)
    if ending.error is not None:
        raise ending.error
    return ending.outcome


def slot(system: System, job: Job, scheduled_for: datetime) -> Ending:
    """Run one slot, for a scheduler that is not ours (Kubernetes, systemd, Airflow).

    The slot has one row on the ledger whoever runs it. One that passed already is done: its outcome is returned.
    Raise Conflict when it is running, or ended otherwise; InputError when it is none of the job's slots, or one
    that has not come yet: passed before its time, it would never be run at its time.
    """
    zone, moment = system.policy.timezone, timedelta(seconds=1)
    if scheduled_for not in cron.slots(job.cron, zone, scheduled_for - moment, scheduled_for):
        raise InputError(
            f"{words.moment(scheduled_for)} is no slot of {job.name} ({job.cron}, {zone})",
            hint=f"See `lifecycle schedule preview {job.name}`; `lifecycle run {job.name}` runs it now, "
            "as a run of its own.",
        )
    with contextlib.closing(system.connect(f"run {job.name}")) as conn:
        if scheduled_for > daemons.time(conn) + EARLY:
            raise InputError(
                f"the slot {words.moment(scheduled_for)} of {job.name} has not come yet by the database's clock",
                hint="Run it at its time or later, and set this host's clock by NTP.",
            )
        _clear_the_way(conn, system, job)
        holder = claims.new_holder()
        try:
            claim = claims.claim_new(
                conn,
                system.name,
                job.name,
                scheduled_for,
                holder,
                asked_by="schedule",
                lease=system.machine.daemon.stale,
            )
        except Conflict:
            if claims.passed(conn, system.name, job.name, scheduled_for):
                return Ending(Outcome(Verdict.PASS, "already done"))
            raise
    return carry_out(system, claim, job)


def _clear_the_way(conn: Connection[TupleRow], system: System, job: Job) -> None:
    """Where no daemon runs, a run whose process was killed would stand in the way for ever."""
    months.make_ahead(conn)
    reclaim.reclaim(conn, system, [job], only=job.name)
    unwritten.tell(system.machine.alerts)


def carry_out(system: System, claim: Claim, job: Job) -> Ending:
    """Carry a claimed run out, to its end on the ledger. Never raises what the job raises."""
    return _carry_out(system, claim, job, retry=True)


def _carry_out(system: System, claim: Claim, job: Job, *, retry: bool) -> Ending:
    told = log.bind(system=system.name, job=claim.job, run=claim.id, attempt=claim.attempt)
    told.info("run started")
    progress.phase(claim.job)
    switch = ping.Beside(system.machine, claim.job, claim.id)
    with Stopping(job.name, job.limit) as stopping:
        with Heartbeat(system, claim) as heartbeat:
            ending = _until_stopped(system, claim, job, stopping)
            heartbeat.rest()  # a beat after the end would find the claim gone
            ending = _write(system, claim, ending, heartbeat, retry=retry)
        switch.end("success" if ending.well else "fail")
        unwritten.tell(system.machine.alerts)  # the process of a run has no later
    told.info(
        "run ended",
        verdict=ending.outcome.verdict.value,
        error=type(ending.error).__name__ if ending.error else None,
        counts=dict(ending.outcome.counts),
    )
    return ending


def _until_stopped(system: System, claim: Claim, job: Job, stopping: Stopping) -> Ending:
    """Let the job work until it is done, or its limit or a signal stops it."""
    try:
        stopping.open()
        ending = _work(system, claim, job)
        stopping.close()
    except Stop as stop:  # it comes once, be it while another ending is put into words
        return _failed(claim, stop.error)
    return ending


def _work(system: System, claim: Claim, job: Job) -> Ending:
    """Do the job's work within its limit and turn whatever comes of it into an ending."""
    try:
        with contextlib.closing(system.connect(f"run {claim.job} {claim.id}")) as conn:
            claims.start(conn, claim, job.limit)
            # What is due is judged by one clock between hosts.
            now = daemons.time(conn).astimezone(UTC)
            shown = plans.of_run(conn, claim.id)
        if job.spreads:
            fence.must_not_stand(system)
        return Ending(apply.carry_out(system, claim, job, now, shown))
    except (LifecycleError, psycopg.Error) as error:
        return _failed(claim, unexpected.explain(error))
    except (Exception, SystemExit) as error:  # a bug ends its run, and the ledger says so
        log.exception("run broke", job=claim.job, run=claim.id)
        return _failed(claim, unexpected.explain(error))


def _failed(claim: Claim, error: LifecycleError) -> Ending:
    failure = Failure(claim.job, error.what, error.hint)
    return Ending(Outcome(Verdict.FAIL, error.what, failures=(failure,)), error)


def _write(
    system: System, claim: Claim, ending: Ending, heartbeat: Heartbeat, *, retry: bool
) -> Ending:
    """Write the ending onto the ledger. While the database is away, try until the lease would be stale."""
    unheard = False
    while not isinstance(ending.error, Fenced):
        try:
            with contextlib.closing(system.connect(f"end of run {claim.id}")) as conn:
                _record(conn, claim, ending, retry=retry, unheard=unheard)
        except Fenced as error:
            return Ending(ending.outcome, error)
        except (psycopg.Error, LifecycleError) as error:
            problem = unexpected.explain(error)
        else:
            return ending
        unheard = True
        log.warning(
            "the end of a run cannot be written", run=claim.id, error=type(problem).__name__
        )
        if heartbeat.left() < timedelta(seconds=1):
            return Ending(ending.outcome, problem)
        time.sleep(min(1.0, heartbeat.left().total_seconds() / 4))
    return ending


def _record(
    conn: Connection[TupleRow], claim: Claim, ending: Ending, *, retry: bool, unheard: bool
) -> None:
    """Write it; `unheard`, it may have been written before, by a commit whose answer was lost. Raise Fenced if not."""
    try:
        _end(conn, claim, ending, retry=retry)
    except Fenced:  # only now: this statement has waited for that commit
        if not (unheard and claims.ended(conn, claim)):
            raise


def _end(conn: Connection[TupleRow], claim: Claim, ending: Ending, *, retry: bool) -> None:
    error = ending.error
    if isinstance(error, Interrupted):
        claims.cancel(conn, claim, error.what, error_code=error.exit_code)
    elif isinstance(error, Unreachable) and retry and claim.attempt < ATTEMPTS:
        delay = BACK_OFF[min(claim.attempt, len(BACK_OFF)) - 1]
        claims.put_back(conn, claim, delay=delay, error_code=error.exit_code, summary=error.what)
    else:
        claims.finish(conn, claim, ending.outcome, error_code=error.exit_code if error else None)
