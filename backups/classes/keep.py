"""Copies and deletes dumps, one after another; one that cannot be keeps no other.

Each is announced on the ledger before and confirmed after. A run that was killed is simply run again: a copy counts by
its manifest, which is written last, and what is being deleted loses that last, too.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256

from backups import shelf
from backups.classes.plan import CopyDump, ExpireDump
from backups.classes.survey import Seen
from backups.manifest import Manifest
from lifecycle import progress
from lifecycle.errors import AccessDenied, Fenced, LifecycleError, Unreachable
from lifecycle.holds import gate
from lifecycle.ledger import evidence
from lifecycle.outcome import Failure
from lifecycle.plan import Decision
from lifecycle.promise import Task

UNATTENDED = 10
"""How many dumps a run deletes that nobody has looked at: more are a shorter `keep`, or a wrong clock."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was copied and deleted, by key, and why others were not; `held`: a hold was placed meanwhile.

    `none`: nothing was deleted at all, for that or as a person has to see it first.
    """

    copied: tuple[str, ...]
    expired: tuple[str, ...]
    failures: tuple[Failure, ...]
    held: bool
    none: bool = False


def carry_out(task: Task, seen: Seen, decision: Decision[CopyDump | ExpireDump]) -> Kept:  # noqa: ARG001 - asked alike
    """Do the steps. Raise Fenced when another process holds the run, Unreachable or AccessDenied for the store."""
    copied, failures = list[str](), list[Failure]()
    for step in decision.steps:
        if isinstance(step, CopyDump):
            _each(failures, step.target, lambda step=step: copied.append(_copy(task, step)))
    expired = list[str]()
    ends = [step for step in decision.steps if isinstance(step, ExpireDump)]
    if not task.seen_by_person and len(ends) > UNATTENDED:
        failures.append(_many(len(ends)))
        return Kept(tuple(copied), (), tuple(failures), held=False, none=True)
    if not ends:
        return Kept(tuple(copied), (), tuple(failures), held=False)
    with closing(task.system.connect("backups.keep")) as conn:
        # Held until this connection is closed: who places a hold meanwhile waits until nothing is deleted any more.
        held = bool(gate.standing_while_connected(conn))
        for step in ends if not held else ():
            gate.must_be_connected(conn)
            _each(failures, step.target, lambda step=step: expired.append(_expire(task, step)))
    return Kept(tuple(copied), tuple(expired), tuple(failures), held, none=held)


def _many(ends: int) -> Failure:
    return Failure(
        "dumps over age",
        f"{ends} would be deleted, and an unattended run may do that to {UNATTENDED}",
        "Look at `lifecycle backups plan`, and apply it: a shorter `keep`, or a clock that is wrong, does this.",
    )


def _each(failures: list[Failure], target: str, act: Callable[[], object]) -> None:
    try:
        act()
    except (Fenced, Unreachable, AccessDenied):
        raise
    except LifecycleError as error:
        failures.append(Failure(target, error.what, error.hint))


def _copy(task: Task, step: CopyDump) -> str:
    progress.phase(f"backups.keep: copy {step.target}")
    _record(task, "intent", "backups.copied", step.target, step.dumped)
    written = shelf.copy(task.system, step.dumped, step.kind, step.label)
    with task.system.connect("backups.keep") as conn:
        described = sha256(written.to_json()).hexdigest()
        evidence.record(
            conn, task.claim, "outcome", "backups.described", written.key, digest=described
        )
    _record(task, "outcome", "backups.copied", written.key, written)
    return written.key


def _expire(task: Task, step: ExpireDump) -> str:
    progress.phase(f"backups.keep: delete {step.target}")
    _record(task, "intent", "backups.expired", step.target, step.dumped)
    shelf.remove(task.system, step.dumped)
    _record(task, "outcome", "backups.expired", step.target, step.dumped)
    return step.target


def _record(task: Task, kind: evidence.Kind, event: str, target: str, dumped: Manifest) -> None:
    with task.system.connect("backups.keep") as conn:
        evidence.record(
            conn,
            task.claim,
            kind,
            event,
            target,
            counts={"bytes": dumped.size, "rows": dumped.rows},
            digest=dumped.sha256,
        )
