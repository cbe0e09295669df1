"""Deletes what the plan says: by exact key in the bucket that the settings name, else through WAL-G's own `st rm`.

`wal-g delete` is not used: it works out by itself what goes, in an order of its own, does nothing beside a permanent
backup in some versions and deletes permanent ones in others (its issues 1152 and 1768). Here exactly the objects go
that a person was shown. A run that is killed is simply run again: what is not listed any more is what it left.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from backups.wal_g import program
from backups.wal_g.ends import bucket, files
from backups.wal_g.ends.bucket import Kept
from backups.wal_g.ends.plan import Delete
from backups.wal_g.ends.survey import Seen
from backups.wal_g.program import Program
from lifecycle import progress
from lifecycle.errors import AccessDenied, Fenced, LifecycleError, Refused, Unproven, Unreachable
from lifecycle.holds import gate
from lifecycle.ledger import evidence
from lifecycle.outcome import Failure
from lifecycle.plan import Decision
from lifecycle.promise import Task
from lifecycle.words import counted

JOB = "backups.keep_wal_g"
ENDED = "backups.wal_g_ended"

CALL = 500
"""How many objects go in one call to the bucket; a hold that comes meanwhile waits for it."""

UNATTENDED = 10
"""How many base backups a run deletes that nobody has looked at: more are a shorter `keep`, or a wrong clock."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The targets of steps that were done, how many objects went, and why others did not; `held`: a hold came."""

    done: tuple[str, ...] = ()
    objects: int = 0
    failures: tuple[Failure, ...] = ()
    held: bool = False
    none: bool = False


def carry_out(task: Task, seen: Seen, decision: Decision[Delete]) -> Ended:
    """Do the steps. Raise Fenced when another process holds the run, Unreachable or AccessDenied for the store."""
    bases = sum(step.base for step in decision.steps)
    if not task.seen_by_person and bases > UNATTENDED:
        return Ended(failures=(_many(bases),), none=True)
    if not decision.steps:
        return Ended()
    done, failures, many = list[str](), list[Failure](), 0
    with closing(task.system.connect(JOB)) as conn:
        # Held until this connection is closed: who places a hold meanwhile waits until nothing is deleted any more.
        if gate.standing_while_connected(conn):
            return Ended(held=True, none=True)
        for step in decision.steps:
            try:
                many += _delete(task, seen, step, lambda: gate.must_be_connected(conn))
                done.append(step.target)
            except (Fenced, Unreachable, AccessDenied):
                raise
            except LifecycleError as error:
                failures.append(Failure(step.target, error.what, error.hint))
                break  # the log of a base backup that could not be deleted stays, too
    return Ended(tuple(done), many, tuple(failures))


def _many(bases: int) -> Failure:
    return Failure(
        "base backups over age",
        f"{counted(bases, 'base backup')} would be deleted, and an unattended run may do that to {UNATTENDED}",
        "Look at `lifecycle backups wal-g plan`, and apply it: a shorter `keep`, or a clock that is wrong, does this.",
    )


def _delete(task: Task, seen: Seen, step: Delete, may: Callable[[], None]) -> int:
    progress.phase(f"{JOB}: {step.verb} {step.target}")
    _record(task, "intent", step)
    # A base backup's sentinel goes first and alone: what WAL-G does not list, nobody takes for a whole one.
    first = 1 if step.base else 0
    for keys in filter(None, (step.keys[:first], step.keys[first:])):
        if seen.versions is None:
            _by_wal_g(program.find(task.system), keys, may)
        else:
            _by_key(task, seen.versions, step, keys, may)
    _record(task, "outcome", step)
    return len(step.keys)


def _by_wal_g(walg: Program, keys: tuple[str, ...], may: Callable[[], None]) -> None:
    """Delete each by a call of WAL-G, and look: it does not hear of it when S3 refuses a single key."""
    for key in keys:
        may()
        walg.remove(key)
    folder = keys[0][: keys[0].index("/") + 1]
    there = files.stored(walg.ls(folder, below=True))
    left = [key for key in keys if key.removeprefix(folder) in there]
    if left:
        raise Unproven(
            f"WAL-G said that it deleted them, and {len(left)} of {counted(len(keys), 'object')} are there: {left[0]}",
            hint="The store refused it: see who may delete there, and whether Object Lock holds it.",
        )


def _by_key(
    task: Task, kept: Kept, step: Delete, keys: tuple[str, ...], may: Callable[[], None]
) -> None:
    """Delete all versions of each in the bucket itself, a thousand in a call. Nothing of a locked base backup."""
    if step.base and (lock := bucket.locked(task.system, kept, task.now, step.keys)) is not None:
        raise Refused(f"it is {bucket.said(lock)}", hint=bucket.HELD)
    for start in range(0, len(keys), CALL):
        may()
        bucket.delete(task.system, kept, keys[start : start + CALL])


def _record(task: Task, kind: evidence.Kind, step: Delete) -> None:
    counts = {"objects": len(step.keys)}
    with task.system.connect(JOB) as conn:
        evidence.record(
            conn, task.claim, kind, ENDED, step.target, counts=counts, digest=step.binds
        )
