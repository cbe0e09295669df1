"""Lists the shelves again: has each day, week and month its dump, is what is over age gone, and nothing else?"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from backups import manifest, secrecy, shelf, slots
from backups.classes.keep import Kept
from backups.classes.plan import CopyDump, ExpireDump
from backups.classes.survey import Seen, survey
from backups.shelf import Shelf
from backups.slots import Kind, Name
from lifecycle.coverage import Judgement, Looks, Place
from lifecycle.outcome import Failure
from lifecycle.plan import Decision
from lifecycle.promise import Listing, Task
from lifecycle.system import System
from lifecycle.words import counted

_HOLE = "A dump that nobody took cannot be taken any more: see the runs of that day with `lifecycle runs list`."
_OLD_KEY = (
    "Keep the private key of an earlier recipient as long as its dumps, beside the new one: several keys may stand in "
    "one file."
)
_WHO = "See who may delete in the bucket, and whether a lifecycle rule of its own does."


def judge(
    task: Task, seen: Seen, decision: Decision[CopyDump | ExpireDump], kept: Kept
) -> Judgement:
    """Return what was promised of each slot and each dump over age, looked at again in the bucket."""
    looks, promised = Looks(), set[Place]()
    after: dict[Name, Shelf] = {kind.name: shelf.look(task.system, of=kind) for kind in seen.kinds}
    zone = task.system.policy.timezone
    for kind in seen.kinds:
        there = {slots.of(dumped, kind) for dumped in after[kind.name].whole}
        wanted = set(_due(kind, seen, after[kind.name], task.now, zone))
        places = {Place(f"{kind.name} dump", label) for label in wanted | there}
        promised |= places
        with looks.at(*places):
            looks.found(
                *(
                    Failure(f"{kind.prefix}{label}", f"there is no {kind.name} dump of it", _HOLE)
                    for label in sorted(wanted - there)
                )
            )
    looks.found(*kept.failures, *_gone(seen, after, kept, task.now), *_left(decision, after, kept))
    looks.found(
        *(one for kind in seen.kinds for one in _rest(kind, after[kind.name], task.now, zone))
    )
    looks.found(*(found for one in after.values() for found in _useless(task.system, one, seen)))
    total = sum(len(one.dumps) for one in after.values())
    summary = (
        f"{counted(total, 'dump')} kept, {len(kept.copied)} copied, {len(kept.expired)} over age deleted"
        + _bare(task.system, after)
        + (f"; {'; '.join(decision.notes)}" if decision.notes else "")
        + ("; a legal hold was placed meanwhile, and nothing was deleted" if kept.held else "")
    )
    counts = {"dumps": total, "copied": len(kept.copied), "expired": len(kept.expired)}
    return Judgement(looks.cover(promised), summary, counts)


def _due(kind: Kind, seen: Seen, after: Shelf, now: datetime, zone: str) -> tuple[str, ...]:
    """Return the slots that must have one: since the oldest of this class, or of the days that it is copied from."""
    days = (*after.dumps, *seen.shelves["daily"].dumps)
    since = min((slots.day(dumped, zone) for dumped in days), default=None)
    return slots.due(kind, since, now, zone) if since else ()


def _gone(seen: Seen, after: Mapping[Name, Shelf], kept: Kept, now: datetime) -> Iterator[Failure]:
    """Yield each dump that went without us, and before its time."""
    ours = seen.expired | set(kept.expired)
    for kind in seen.kinds:
        was, there = seen.shelves[kind.name], set(after[kind.name].keys)
        known = (
            {key for key in seen.stored if key.startswith(kind.prefix)} if kind.keep else set[str]()
        )
        young = {dumped.key for dumped in was.dumps if not slots.over_age(dumped, kind, now)}
        for key in sorted(
            ({key for key in known if _young(kind, key, now)} | young) - there - ours
        ):
            yield Failure(key, "it is gone before its time", _WHO)


def _young(kind: Kind, key: str, now: datetime) -> bool:
    """Say whether a dump of this key is kept still, by its slot's name."""
    assert kind.keep is not None
    oldest = slots.label(kind.name, kind.keep.before(now).date() + slots.DAY)
    return key.removeprefix(kind.prefix).partition("/")[0] > oldest


def _useless(system: System, there: Shelf, seen: Seen) -> Iterator[Failure]:
    """Yield each dump of which nobody could come back: it is not what was stored, or no key here opens it.

    One that was copied anew in its place is named once, as somebody or something had altered it.
    Only the newest is ever drilled, and of the others nobody would hear before the day they are needed.
    """
    altered = shelf.altered(system, there.whole)
    for dumped in there.whole:
        if dumped.key in altered:
            yield Failure(dumped.key, "it is not what its manifest speaks of", _WHO)
        elif dumped.key in seen.altered:
            what = "it was not what its manifest speaks of, and was copied anew"
            yield Failure(dumped.key, what, _WHO)
        elif secrecy.is_closed(system, dumped):
            yield Failure(dumped.key, "no key under `dump_identity` opens it", _OLD_KEY)


def _bare(system: System, after: Mapping[Name, Shelf]) -> str:
    """Say how many dumps lie there in clear from before the policy wanted them encrypted; nothing where it does not."""
    bare = sum(dumped.encryption is None for one in after.values() for dumped in one.dumps)
    if not bare or not secrecy.asked(system):
        return ""
    return f"; {counted(bare, 'dump')} from before dumps were encrypted, in clear until over age"


def _left(
    decision: Decision[CopyDump | ExpireDump], after: Mapping[Name, Shelf], kept: Kept
) -> Iterator[Failure]:
    """Yield what was to be deleted and is there still, in a part of it."""
    known = {failure.target for failure in kept.failures}
    folders = {key.rpartition("/")[0] for one in after.values() for key in one.keys}
    for step in decision.steps:
        if not isinstance(step, ExpireDump) or step.target in known or kept.none:
            continue
        if manifest.beside(step.target, "").rstrip("/") in folders:
            yield Failure(
                step.target, "it is over age and still there", "Run `lifecycle backups plan`."
            )


def _rest(kind: Kind, there: Shelf, now: datetime, zone: str) -> Iterator[Failure]:
    """Yield what is left of dumps, over age: people's rows are in it, and no manifest says that it is ours to end."""
    for key in (*there.unfinished, *(failure.target for failure in there.damaged)):
        if slots.over(kind, key, now, zone):
            what = "a dump without a manifest that counts is over age and still there"
            yield Failure(
                key, what, "Look whose it is and who wrote there; then delete it by hand."
            )


def status(system: System, now: datetime) -> Listing:
    """Return, per class, how many dumps there are, from when to when, and for how long each is kept."""
    seen = survey(system, now, None)
    rows = list[tuple[object, ...]]()
    for kind in seen.kinds:
        dumps = sorted(seen.shelves[kind.name].dumps, key=lambda one: one.slot)
        over = sum(slots.over_age(dumped, kind, now) for dumped in dumps)
        ends = (dumps[0].slot, dumps[-1].slot) if dumps else (None, None)
        rows.append((kind.name, kind.bucket, len(dumps), *ends, str(kind.keep or "for ever"), over))
    return Listing(
        "backups", ("class", "bucket", "dumps", "oldest", "newest", "kept", "over age"), rows
    )
