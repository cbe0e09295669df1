"""Drills what WAL-G keeps beside the newest: the oldest point, one at random, the newest delta, by `turn.py`."""

from functools import partial

from backups.section import SECTION
from backups.wal_g import copy, drill, turn
from backups.wal_g.turn import Turn, Which
from lifecycle.coverage import Judgement
from lifecycle.errors import InputError
from lifecycle.job import Job
from lifecycle.promise import Task
from lifecycle.system import System
from lifecycle.words import choices

JOB = "backups.recover_kept"
NEXT = "next"


def job(system: System, which: str) -> Job:
    """Return the job that drills this, or what it is the turn of. Raise InputError."""
    known = (NEXT, *turn.WHICH)
    if which not in known or SECTION.of(system.policy).wal_g is None:
        raise InputError(
            f"--which {which}: no such drill"
            if which not in known
            else "the policy promises nothing of WAL-G",
            hint=choices(which, known, "Write"),
        )
    why = "a person wants to know whether one comes back to more than the newest point"
    work = partial(carry_out, which=None if which == NEXT else which)
    return Job(JOB, why, "0 0 1 1 *", work, limit=copy.LIMIT, retry_safe=False)


def carry_out(task: Task, *, which: Which | None = None) -> Judgement:
    """Drill it, and write down what was found. Raise only what concerns the ledger itself."""
    return drill.carry_out(task, Turn(which, task.claim.scheduled_for))
