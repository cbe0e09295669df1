"""Keeps a promise as the daemon does, without the daemon: the one way of `running/apply.py`, in a run that is claimed."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from lifecycle.coverage import Judgement
from lifecycle.job import Job
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Outcome
from lifecycle.plan import Plan, Step
from lifecycle.promise import Promise, Task
from lifecycle.running import apply
from lifecycle.system import System


def keep(
    promise: Promise[Any, Any, Any],
    system: System,
    claim: Claim,
    now: datetime,
    shown: Plan[Any] | None = None,
) -> Outcome:
    """Keep it; `shown` is the plan that a person has seen."""
    job = Job(promise.job, "a test", "0 0 1 1 *", promise)
    return apply.carry_out(system, claim, job, now, shown.document() if shown else None)


def plan(
    promise: Promise[Any, Any, Any], system: System, now: datetime, only: str | None = None
) -> Plan[Step]:
    """Return what would be done."""
    return apply.plan(promise, system, now, only)


def work(job: Callable[[Task], Judgement], system: System, claim: Claim, now: datetime) -> Outcome:
    """Do the work of a job that plans nothing."""
    return apply.carry_out(system, claim, Job("test.work", "a test", "0 0 1 1 *", job), now)
