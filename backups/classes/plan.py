"""Decides which daily dumps are copied to a week's or month's shelf, and which dumps end. Pure.

A dump ends by its age alone, counted from its slot, which its place says too, and never from an object's date, which a
copy renews. One that a
week or month has yet to be copied from, and the newest of each class, does not end whatever its age.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from backups import slots
from backups.classes.survey import Seen
from backups.manifest import Manifest
from backups.section import SECTION
from backups.slots import Kind, Name
from lifecycle.plan import Decision, Step
from lifecycle.policy.model import Policy
from lifecycle.words import counted


@dataclass(frozen=True, slots=True)
class CopyDump(Step):
    """Copy this daily dump to the shelf of a class, under this slot."""

    dumped: Manifest
    kind: Kind
    label: str


@dataclass(frozen=True, slots=True)
class ExpireDump(Step):
    """Delete this dump with all that lies beside it."""

    dumped: Manifest


def decide(policy: Policy, seen: Seen, now: datetime) -> Decision[CopyDump | ExpireDump]:
    """Return the copies first, then what ends; while a legal hold stands nothing does, and the note says so."""
    copies = tuple(_copies(policy, seen, now))
    needed = {step.dumped.key for step in copies}
    ends = tuple(step for step in _ends(policy, seen, now) if step.dumped.key not in needed)
    if ends and seen.holds:
        numbers = ", ".join(map(str, seen.holds))
        note = f"{counted(len(ends), 'dump')} over age: kept while a legal hold stands ({numbers})"
        return Decision(copies, notes=(note,))
    return Decision((*copies, *ends))


def _copies(policy: Policy, seen: Seen, now: datetime) -> Iterator[CopyDump]:
    """Yield them. One that the policy wants encrypted, and that is from before it did, is not stored in clear anew."""
    dumps = SECTION.of(policy).dumps
    bare = dumps is None or not dumps.encrypt
    dailies = [one for one in _good(seen, "daily") if bare or one.encryption is not None]
    for kind in seen.kinds[1:]:
        there = {slots.of(dumped, kind) for dumped in _good(seen, kind.name)}
        wanted = slots.sources(kind, dailies, now, policy.timezone)
        for label in sorted(wanted.keys() - there):
            dumped = wanted[label]
            yield CopyDump(
                "copy dump",
                f"{kind.prefix}{label}",
                f"each {kind.name.removesuffix('ly')} has one, kept for {kind.keep}",
                f"{dumped.size:,} bytes within the store, of {dumped.key}",
                dumped,
                kind,
                label,
                binds=dumped.sha256,
            )


def _good(seen: Seen, name: Name) -> list[Manifest]:
    """Return the dumps of a class that are what was stored: a copy that is not is made again while its day is there."""
    return [dumped for dumped in seen.shelves[name].whole if dumped.key not in seen.altered]


def _ends(policy: Policy, seen: Seen, now: datetime) -> Iterator[ExpireDump]:
    """Yield what is over age by its manifest and by its place: who may write into the bucket could change the one.

    So the newest is that of all and, lest he put a newer one there, that of those the ledger knows.
    """
    for kind in seen.kinds:
        on_it = seen.shelves[kind.name]
        known = (dumped for dumped in on_it.whole if dumped.key in seen.stored)
        newest = (slots.newest(kind, on_it.whole), slots.newest(kind, known))
        for dumped in sorted((*on_it.dumps, *on_it.unsigned), key=lambda one: one.slot):
            over = slots.over(kind, dumped.key, now, policy.timezone)
            if over and slots.over_age(dumped, kind, now) and dumped not in newest:
                yield ExpireDump(
                    "delete dump",
                    dumped.key,
                    f"{kind.name} dumps are kept for {kind.keep}",
                    f"{dumped.size:,} bytes, for ever",
                    dumped,
                    binds=dumped.sha256,
                )
