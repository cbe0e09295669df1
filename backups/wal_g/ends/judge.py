"""Lists the store again: is gone what was to end, and there what was to stay, with every time that is kept?"""

from collections.abc import Iterator
from datetime import datetime

from backups.section import SECTION
from backups.wal_g import listing, program
from backups.wal_g.ends import bucket, stays
from backups.wal_g.ends.delete import Ended
from backups.wal_g.ends.files import BASES, LOG
from backups.wal_g.ends.plan import Delete, decide
from backups.wal_g.ends.survey import Seen, survey_store
from lifecycle.coverage import NOTHING_ASKED, Judgement, Looks, Place
from lifecycle.outcome import Failure
from lifecycle.plan import Decision
from lifecycle.promise import Listing, Task
from lifecycle.system import System
from lifecycle.words import counted, moment

KEPT = Place("WAL-G", "what is kept")
GONE = Place("WAL-G", "what is over age")
VERSIONS = Place("WAL-G", "versions of what is gone")
REACH = Place("WAL-G", "every time that is kept")

_WHO = "See who may delete in the store, and whether a lifecycle rule of its own does."
_LOCKED = "Run `lifecycle backups wal-g plan`; an object lock, or credentials without the right to delete, do this."


def judge(task: Task, seen: Seen, decision: Decision[Delete], ended: Ended) -> Judgement:
    """Return what was promised of what stays, what is over age, and each time that is kept, looked at again."""
    promised = SECTION.of(task.system.policy).wal_g
    if promised is None or promised.keep is None:
        return Judgement(NOTHING_ASKED, "the policy does not say that base backups end")
    looks, later = Looks(), survey_store(task.system, task.now, None)
    since = promised.keep.before(min(task.now, seen.said.server.at))
    doomed = {key for step in decision.steps for key in step.keys}
    with looks.at(KEPT):
        looks.found(*_missing(seen, later, doomed))
    with looks.at(GONE):
        looks.found(*ended.failures, *(_still(later, decision, ended)))
    if seen.there.line is not None and later.there.line is not None:
        with looks.at(REACH):
            looks.found(*_lost(seen, later, since))
    _versions(task, later, doomed, ended, looks)
    summary = _summary(later, decision, ended)
    counts = {"backups": len(later.there.backups), "segments": len(later.log)}
    counts |= {"ended": len(ended.done), "objects": ended.objects}
    return Judgement(looks.cover({KEPT, GONE, REACH, VERSIONS}), summary, counts)


def _files(seen: Seen) -> set[str]:
    bases = {f"{BASES}{name}" for one in seen.parts.values() for name in one.files}
    return bases | {f"{LOG}{name}" for of in seen.log.values() for name in of}


def _missing(seen: Seen, later: Seen, doomed: set[str]) -> Iterator[Failure]:
    gone = sorted(_files(seen) - _files(later) - doomed)
    if gone:
        what = f"{counted(len(gone), 'object')} that were to stay are gone, the first is this"
        yield Failure(gone[0], what, _WHO)


def _still(later: Seen, decision: Decision[Delete], ended: Ended) -> Iterator[Failure]:
    if ended.none:
        return
    told, there = {failure.target for failure in ended.failures}, _files(later) | set(later.points)
    for step in decision.steps:
        if step.target not in told and there.intersection(step.keys):
            yield Failure(step.target, "it is over age and still there", _LOCKED)


def _versions(task: Task, later: Seen, doomed: set[str], ended: Ended, looks: Looks) -> None:
    """Look whether what is out of the list is gone: in a bucket with versions it is not, until these are."""
    if later.versions is None and not bucket.forgets(program.find(task.system)):
        looks.not_at(VERSIONS, bucket.UNSEEN)
        return
    with looks.at(VERSIONS):
        left = sorted(later.hidden.keys() & doomed)
        if left and not ended.failures and not ended.none:
            what = f"{counted(len(left), 'object')} out of the list, of which versions are there still: the first"
            looks.found(Failure(left[0], what, _LOCKED))


def _lost(seen: Seen, later: Seen, since: datetime) -> Iterator[Failure]:
    one, two = (
        stays.reached(each, each.there.backups, each.there.store.segments) for each in (seen, later)
    )
    for first, last in stays.lost(one, two, since):
        what = f"no time between {moment(first)} and {moment(last)} can be come back to any more"
        yield Failure(
            "WAL-G's store", what, f"{_WHO} `lifecycle backups list --wal-g` says what is left."
        )


def _summary(later: Seen, decision: Decision[Delete], ended: Ended) -> str:
    kept = counted(len(later.there.backups), "base backup")
    said = f"{kept} and {counted(len(later.log), 'segment')} of the log kept"
    if ended.objects:
        said += f", {counted(ended.objects, 'object')} over age deleted"
    if decision.notes:
        said += f"; {'; '.join(decision.notes)}"
    return said + (
        "; a legal hold was placed meanwhile, and nothing was deleted" if ended.held else ""
    )


def status(system: System, now: datetime) -> Listing:
    """Return each base backup with whether it is proven, and what would become of it now."""
    seen = survey_store(system, now, None)
    ends = {step.target for step in decide(system.policy, seen, now).steps}
    rows = [
        (
            one.backup_name,
            one.finish_time,
            one.compressed_size,
            listing.age_hours(one, now),
            "yes" if one.backup_name in seen.proven else None,
            "permanent" if one.is_permanent else "ends" if one.backup_name in ends else "stays",
        )
        for one in seen.there.backups
    ]
    columns = ("name", "finished", "bytes", "hours old", "proven", "becomes")
    return Listing("base backups", columns, rows)
