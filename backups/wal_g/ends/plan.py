"""Decides which base backups, which part of the log and which records of restore points end. Pure.

What stays is worked out first (`stays.py`); the rest ends once it is older than the policy keeps it, by the service's
clock and by the server's, whichever is earlier. Nothing ends where nobody can tell what would be lost, where no base
backup was ever proven by a drill, or while a legal hold stands.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from backups.section import SECTION
from backups.wal_g import turn
from backups.wal_g.ends import bucket, stays
from backups.wal_g.ends.files import BASE, BASES, LOG, SENTINEL
from backups.wal_g.ends.stays import Stays
from backups.wal_g.ends.survey import OF_LOG, Seen
from backups.wal_g.listing import Backup
from backups.wal_g.log import Segment, segment
from backups.wal_g.record import RECENT
from lifecycle.config.span import Span
from lifecycle.outcome import Failure
from lifecycle.plan import Decision, Step
from lifecycle.policy.model import Policy
from lifecycle.words import counted, moment

GONE = "of what is gone from the list"
YOUNG = timedelta(days=2)
"""A base backup that is not finished may still be taken: what is younger is let be, however short `keep` is."""


@dataclass(frozen=True, slots=True)
class Delete(Step):
    """Delete these objects of the store, in this order. `base`: they are a base backup, or what is left of one."""

    keys: tuple[str, ...]
    base: bool = False


def decide(policy: Policy, seen: Seen, now: datetime) -> Decision[Delete]:
    """Return what ends: base backups first, the newest of them first, then the log, the oldest first, then records."""
    promised = SECTION.of(policy).wal_g
    if promised is None or promised.keep is None:
        return Decision(())
    since = promised.keep.before(min(now, seen.said.server.at))
    if (refused := _unknown(seen)) is not None:
        return Decision((), refusals=(refused,))
    left = tuple(_left(seen, since))
    waits = [name for name, one in seen.parts.items() if not one.listed and name not in left]
    found = stays.find(seen, since, waits) if seen.there.backups else None
    if found is None:
        return Decision((), notes=tuple(_stuck(seen, since)))
    behind = tuple(_behind(seen, found, left, since))
    steps = tuple(_steps(seen, found, promised.keep, left, behind))
    if not steps or not seen.holds:
        refused = _unproven(seen, steps)
        held = tuple(_held(seen, found, since))
        notes = (*_notes(seen, found, since), *_hidden(seen, behind))
        return Decision(() if refused else steps, (*refused, *held), notes)
    numbers = ", ".join(map(str, seen.holds))
    what = counted(sum(len(step.keys) for step in steps), "object")
    note = f"{what} over age: kept while a legal hold stands ({numbers})"
    return Decision((), notes=(note,))


def _unknown(seen: Seen) -> Failure | None:
    """Return why nobody can tell what would be lost."""
    others = [
        one.backup_name
        for one in seen.there.listed
        if one.system_identifier not in (None, seen.said.server.identifier)
    ]
    hint = "Nothing ends until that is clear. Let the settings name the primary and a store of its own."
    if seen.said.server.standby:
        return Failure("WAL-G's store", "the server is a standby, and its log is not the one", hint)
    if seen.there.line is None:
        what = "no history in the store says where the server's timeline comes from"
        return Failure("WAL-G's store", what, "Store it: `wal-g wal-push pg_wal/0000000N.history`.")
    if others:
        what = f"it has base backups of another server, {others[0]}: whose the log is does not stand in its name"
        return Failure("WAL-G's store", what, hint)
    return None


def _held(seen: Seen, found: Stays, since: datetime) -> Iterator[Failure]:
    """Yield each base backup that would end, and stays whole with its log as the store holds it."""
    needed = {link.backup_name for link in _links(found)}
    for one in found.kept:
        lock = seen.locked.get(one.backup_name)
        if lock and _is_over(one, found, since) and one.backup_name not in needed:
            yield Failure(one.backup_name, f"it is over age and {lock}: it stays", bucket.HELD)


def _is_over(one: Backup, found: Stays, since: datetime) -> bool:
    return one.finish_lsn < found.anchor.finish_lsn and one.finish_time <= since


def _unproven(seen: Seen, steps: tuple[Delete, ...]) -> tuple[Failure, ...]:
    there = {one.backup_name for one in seen.there.backups}
    if not steps or there.intersection(seen.proven):
        return ()
    what = "no base backup that is there was ever proven by a drill, so none ends"
    return (
        Failure("WAL-G's store", what, "Run `lifecycle backups recover`, or see why it fails."),
    )


def _stuck(seen: Seen, since: datetime) -> Iterator[str]:
    over = sum(one.finish_time <= since for one in seen.there.backups)
    if over:
        yield (
            f"{counted(over, 'base backup')} over age: without any of them some time that is kept could not be "
            "come back to, or the one to keep is not whole"
        )


def _left(seen: Seen, since: datetime) -> Iterator[str]:
    """Yield what a push, or a run of ours, that was killed has left of base backups."""
    oldest = min(since, seen.said.server.at - YOUNG)
    for name, one in seen.parts.items():
        if not one.listed and one.newest <= oldest:
            yield name


def _steps(
    seen: Seen, found: Stays, keep: Span, left: tuple[str, ...], behind: tuple[str, ...]
) -> Iterator[Delete]:
    for one in reversed(found.ends):
        yield _base(seen, one.backup_name, f"nothing of the last {keep} needs it")
    for name in sorted(left):
        yield _base(seen, name, f"it was not finished, and has lain there for longer than {keep}")
    ends = [one for one in sorted(seen.log, key=_in_order) if not found.needs(one.number)]
    if ends:
        yield _log(seen, ends, found)
    old = [key for key in seen.points[:-RECENT] if _is_before(key, found)]
    if old:
        keys = tuple(name for key in old for name in (key, f"{key}.sig"))
        yield Delete(
            "delete records of restore points",
            f"{old[0]} to {old[-1]}" if old[1:] else old[0],
            f"nobody can come back to them without {found.anchor.backup_name}, which is newer",
            counted(len(old), "record"),
            keys,
            binds=_digest(keys),
        )
    if behind:
        yield Delete(
            "delete versions",
            GONE,
            f"WAL-G does not list it any more, and nothing of the last {keep} needs it",
            f"{counted(len(behind), 'object')}, for ever",
            behind,
            binds=_digest(behind),
        )


def _behind(seen: Seen, found: Stays, left: tuple[str, ...], since: datetime) -> Iterator[str]:
    """Yield each key that nobody lists and whose versions nothing of what is kept needs."""
    size = seen.said.server.segment_size
    for key, at in sorted(seen.hidden.items()):
        folder, name = key[: key.index("/") + 1], key[key.index("/") + 1 :]
        if folder == LOG and OF_LOG.fullmatch(name):
            ends = not found.needs(segment(name, size).number)
        elif folder == BASES:
            owner = name.partition("/")[0].removesuffix(SENTINEL)
            stays = seen.parts.keys() - set(left) - {one.backup_name for one in found.ends}
            ends = bool(BASE.fullmatch(owner)) and owner not in stays and at <= since
        else:
            ends = folder not in (LOG, BASES) and _is_before(key.removesuffix(".sig"), found)
        if ends:
            yield key


def _base(seen: Seen, name: str, reason: str) -> Delete:
    """Return its end. The sentinel goes first: what WAL-G does not list, nobody takes for a whole one."""
    one = seen.parts.get(name)
    files = one.files if one else ()
    keys = tuple(
        f"{BASES}{file}" for file in sorted(files, key=lambda f: (f != f"{name}{SENTINEL}", f))
    )
    cost = f"{one.packed if one else 0:,} bytes, for ever"
    return Delete("delete base backup", name, reason, cost, keys, base=True, binds=_digest(keys))


def _log(seen: Seen, ends: list[Segment], found: Stays) -> Delete:
    keys = tuple(f"{LOG}{file}" for one in ends for file in seen.log[one])
    size = seen.said.server.segment_size
    return Delete(
        "delete log",
        f"{ends[0].name(size)} to {ends[-1].name(size)}",
        f"it lies before {found.anchor.backup_name}, and no base backup that stays needs it",
        f"{counted(len(ends), 'segment')}, for ever",
        keys,
        binds=_digest(keys),
    )


def _in_order(one: Segment) -> tuple[int, int]:
    return one.number, one.timeline


def _is_before(key: str, found: Stays) -> bool:
    """Say whether a record is of a point before the anchor, by the time in its name; another name is let be."""
    at = turn.written(key)
    return at is not None and at < found.anchor.start_time


def _notes(seen: Seen, found: Stays, since: datetime) -> Iterator[str]:
    """Yield why what is older than the anchor stays, and from when on one can come back to any time."""
    names = {link.backup_name for link in _links(found)}
    for one in found.kept:
        if one.finish_lsn >= found.anchor.finish_lsn or one.finish_time > since:
            continue
        kept = "a kept one builds on it" if one.backup_name in names else "LATEST"
        why = "permanent" if one.is_permanent else seen.locked.get(one.backup_name, kept)
        yield f"{one.backup_name} stays with its log: {why}"
    yield f"everything stays from {found.anchor.backup_name} on, finished {moment(found.anchor.finish_time)}"


def _hidden(seen: Seen, behind: tuple[str, ...]) -> Iterator[str]:
    stay = len(seen.hidden) - len(behind)
    if stay:
        yield f"{counted(stay, 'object')} that WAL-G does not list any more, kept as versions"


def _links(found: Stays) -> Iterator[Backup]:
    for one in found.kept:
        if one.is_delta and one.finish_lsn >= found.anchor.finish_lsn:
            yield from stays.chain(one, found.kept)


def _digest(keys: tuple[str, ...]) -> str:
    return sha256("\n".join(keys).encode()).hexdigest()
