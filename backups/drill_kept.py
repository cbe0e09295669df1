"""Drills one of all dumps that are kept, those of weeks and months too: which comes next, `rotation` decides.

It is the drill of every night, of another dump: fetched, read to its end, restored, compared with its own manifest.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from hashlib import sha256

from psycopg import Connection
from psycopg.rows import TupleRow

from backups import covering, drill, rotation, seal, shelf, slots
from backups.restore import LIMIT
from backups.rotation import Choice
from backups.section import SECTION
from backups.timings import Timings
from lifecycle.coverage import NOTHING_ASKED, Judgement, Looks, Reason
from lifecycle.errors import CommandFailed, InputError, Unproven
from lifecycle.job import Job
from lifecycle.ledger import evidence
from lifecycle.outcome import Failure
from lifecycle.promise import Task
from lifecycle.system import System
from lifecycle.words import choices

JOB, DRILLED = "backups.drill_kept", "backups.drilled"
NEXT = "next"


def job(system: System, which: str) -> Job:
    """Return the job that drills what comes next, of all or of the class that is named. Raise InputError."""
    dumps = SECTION.of(system.policy).dumps
    known = (NEXT, *(kind.name for kind in slots.kinds(dumps))) if dumps else (NEXT,)
    if which not in known:
        raise InputError(
            f"--which {which}: the policy has no such class of dumps",
            hint=choices(which, known, "Write"),
        )
    why = "a person wants to know whether one of all dumps restores"
    work = partial(carry_out, which=which)
    return Job(JOB, why, "0 0 1 1 *", work, limit=LIMIT, retry_safe=False)


def carry_out(task: Task, *, which: str) -> Judgement:
    """Drill it, and write down which and with what result. Raise only what concerns the ledger itself."""
    judged, chosen = judge(task.system, which)
    if chosen is not None:
        with task.system.connect(JOB) as conn:
            evidence.record(
                conn,
                task.claim,
                "finding",
                DRILLED,
                chosen.dumped.key,
                counts=judged.told,
                digest=chosen.dumped.sha256,
            )
    return judged


def judge(system: System, which: str) -> tuple[Judgement, Choice | None]:
    """Return what is known of the dump that comes next, and which that is. Never raises for what a drill finds out."""
    if SECTION.of(system.policy).dumps is None:
        return Judgement(NOTHING_ASKED, "the policy asks for no dumps"), None
    timings, looks = Timings(what=JOB), Looks()
    chosen: Choice | None = None
    reason: Reason | None = None
    try:
        with timings.phase("select"):
            chosen = _choose(system, which, looks)
        looks.found(*drill.prove(system, chosen.dumped, looks, timings, restore=True))
    except (Unproven, CommandFailed) as error:
        target = chosen.dumped.key if chosen else f"the {which} dump"
        looks.found(Failure(target, error.what, error.hint))
        reason = Reason(error.what, error.hint)
    except drill.UNVERIFIABLE as error:
        reason = Reason(error.what, error.hint)
    coverage = covering.cover(looks, chosen.dumped if chosen else None, reason, restore=True)
    failed = coverage.found[0].what if coverage.found else reason.why if reason else None
    return Judgement(coverage, _summary(chosen, failed), timings.counts), chosen


def _choose(system: System, which: str, looks: Looks) -> Choice:
    """Return what comes next. Raise Unproven where there is none, or nobody can tell that it is ours."""
    dumps = SECTION.of(system.policy).dumps
    assert dumps is not None
    kinds = [kind for kind in slots.kinds(dumps) if which in (NEXT, kind.name)]
    shelves = [(kind, shelf.look(system, of=kind)) for kind in kinds]
    looks.found(*(failure for _, there in shelves for failure in there.damaged))
    with system.connect(JOB, write=False) as ledger:
        drilled: Mapping[str, datetime] = evidence.latest(ledger, DRILLED)
        chosen = rotation.choose([(kind, there.dumps) for kind, there in shelves], drilled)
        if chosen is None:
            raise Unproven(
                "there is no dump with a manifest that counts",
                hint="Run `lifecycle backups status`: a week's and a month's are copied by `backups.keep`.",
            )
        if not seal.of(system).asked:
            _must_be_known(system, ledger, chosen.dumped.key)
    return chosen


def _must_be_known(system: System, ledger: Connection[TupleRow], key: str) -> None:
    """Raise Unproven where no signature is asked for, and the ledger does not know the manifest."""
    told = sha256(shelf.described(system, key)).hexdigest()
    if told not in evidence.digests(ledger, "backups.described", key):
        raise Unproven(
            f"the manifest of {key} is not the one that the ledger speaks of",
            hint="See who may write to the bucket. With a `signing_key` a dump is known by its signature.",
        )


def _summary(chosen: Choice | None, failed: str | None) -> str:
    if chosen is None:
        return f"no dump was drilled: {failed}"
    said = failed or f"was restored, {len(chosen.dumped.tables)} tables equal their snapshot"
    never = f"; never drilled yet: {', '.join(chosen.never)}" if chosen.never else ""
    return f"{chosen.dumped.key}: {said}; chosen as {chosen.why}{never}"
