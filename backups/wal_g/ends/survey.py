"""Reads what lies in WAL-G's store, file by file, what drills have proven of it, and which holds and locks stand."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime

import psycopg

from backups.section import SECTION
from backups.wal_g import drill, measured, program, record
from backups.wal_g.ends import bucket
from backups.wal_g.ends.bucket import Kept
from backups.wal_g.ends.files import BASE, BASES, Parts, parts, stored
from backups.wal_g.listing import Backup
from backups.wal_g.log import Segment, segment
from backups.wal_g.program import Program
from backups.wal_g.watch import looked, survey
from backups.wal_g.watch.looked import Looked
from backups.wal_g.watch.survey import Said
from lifecycle.errors import InputError
from lifecycle.holds import gate
from lifecycle.ledger import evidence
from lifecycle.postgres import connect
from lifecycle.system import System

OF_LOG = re.compile(r"[0-9A-F]{24}([._].*)?")


@dataclass(frozen=True, slots=True)
class Seen:
    """The server's side and the store's. `parts` by the base backup's name, `log` the files of each segment.

    `points` are the keys of records, `proven` the names of base backups whose last drill came
    back with all of it, `holds` the numbers of those that stand. `versions` are all that the bucket has, None where
    the settings name none; `hidden` the keys of which it has some that no list shows, with when the last was stored;
    `locked` says what keeps a base backup over age from being deleted.
    """

    said: Said
    there: Looked
    parts: Mapping[str, Parts]
    log: Mapping[Segment, tuple[str, ...]]
    points: tuple[str, ...]
    proven: tuple[str, ...]
    holds: tuple[int, ...]
    versions: Kept | None = None
    hidden: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    locked: Mapping[str, str] = field(default_factory=dict[str, str])

    def begins(self, name: str) -> int:
        """Return the number of the segment in which a base backup of this name begins."""
        found = BASE.fullmatch(name)
        return segment(found[1], self.said.server.segment_size).number if found else 0

    def is_whole(self, backup: Backup) -> bool:
        """Say whether all bytes of it that were stored are there."""
        found = self.parts.get(backup.backup_name)
        return found is not None and found.listed and found.packed >= backup.compressed_size


def survey_store(system: System, now: datetime, only: str | None) -> Seen:
    """Read it. Raise InputError when `only` is given or nothing is promised; as `looked.look` and `survey.asked`.

    Raise Refused where the settings name another bucket than WAL-G's, and what the object store raises.
    """
    promised = SECTION.of(system.policy).wal_g
    if only is not None or promised is None:
        raise InputError(
            "base backups are kept by one plan over all of them"
            if only
            else "the policy promises nothing of WAL-G",
            hint="Write `lifecycle backups wal-g plan`, and `backups: {wal_g: ...}` in the policy.",
        )
    said, walg = survey.asked(system), program.find(system)
    # First: a base backup that is finished meanwhile has its files, and is not taken for what a killed one left.
    files = stored(walg.ls(BASES, below=True))
    there = looked.look(system, walg, said)
    log = _log(measured.stored(walg), said.server.segment_size)
    points = _points(walg, system)
    versions = bucket.versions_of(system, files)
    try:
        with closing(system.connect("backups survey", write=False)) as conn:
            proven = evidence.proven(conn, drill.RECOVERED)
            holds = tuple(hold.number for hold in gate.readable(conn))
    except psycopg.Error as error:
        raise connect.explain(error) from None
    seen = Seen(said, there, parts(files), log, points, proven, holds)
    if versions is None or promised.keep is None:
        return seen
    since = promised.keep.before(min(now, said.server.at))
    locked = dict(_locked(system, seen, versions, since, now))
    return replace(seen, versions=versions, hidden=bucket.hidden(versions), locked=locked)


def _locked(
    system: System, seen: Seen, versions: Kept, since: datetime, now: datetime
) -> Iterator[tuple[str, str]]:
    """Yield each base backup over age that the store holds, and how: asked before anything of it is touched."""
    for one in seen.there.backups:
        found = seen.parts.get(one.backup_name)
        if found is None or one.is_permanent or one.finish_time > since:
            continue
        keys = [f"{BASES}{file}" for file in found.files]
        if (lock := bucket.locked(system, versions, now, keys)) is not None:
            yield one.backup_name, bucket.said(lock)


def _log(names: Iterable[str], size: int) -> dict[Segment, tuple[str, ...]]:
    """Return the files of each segment: itself, and the labels and lists that WAL-G puts beside it."""
    found = dict[Segment, list[str]]()
    for name in sorted(names):
        if OF_LOG.fullmatch(name):
            found.setdefault(segment(name, size), []).append(name)
    return {one: tuple(of) for one, of in found.items()}


def _points(walg: Program, system: System) -> tuple[str, ...]:
    """Return the keys of records of restore points, and of signatures whose record is gone, the oldest first."""
    return tuple(dict.fromkeys(_records(record.files(walg, system.name))))


def _records(keys: Iterable[str]) -> Iterator[str]:
    for key in sorted(keys):
        if key.removesuffix(".sig").endswith(".json"):
            yield key.removesuffix(".sig")
