"""Reads what lies in WAL-G's store, file by file, what drills have proven of it, and which legal holds stand."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import psycopg

from backups.section import SECTION
from backups.wal_g import drill, measured, program, record
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

BASES = "basebackups_005/"
LOG = "wal_005/"
SENTINEL = "_backup_stop_sentinel.json"

_FILE = re.compile(
    r"^obj\s+(?P<size>\d+)\s+(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\S* (?P<zone>[+-]\d{4}).*\s/?(?P<name>\S+)$"
)
_OF_LOG = re.compile(r"[0-9A-F]{24}([._].*)?")
_BASE = re.compile(r"base_([0-9A-F]{24})(_D_[0-9A-F]{24})?")


class Stored(NamedTuple):
    """A file of the store: how many bytes it has, and when it was stored by the store's clock."""

    size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Parts:
    """What is stored of a base backup: whether WAL-G lists it, its files, and when the last of them was stored."""

    listed: bool
    files: tuple[str, ...]
    packed: int
    newest: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """The server's side and the store's. `parts` by the base backup's name, `log` the files of each segment.

    `points` are the keys of records, `proven` the names of base backups whose last drill came
    back with all of it, `holds` the numbers of those that stand.
    """

    said: Said
    there: Looked
    parts: Mapping[str, Parts]
    log: Mapping[Segment, tuple[str, ...]]
    points: tuple[str, ...]
    proven: tuple[str, ...]
    holds: tuple[int, ...]

    def begins(self, name: str) -> int:
        """Return the number of the segment in which a base backup of this name begins."""
        found = _BASE.fullmatch(name)
        return segment(found[1], self.said.server.segment_size).number if found else 0

    def is_whole(self, backup: Backup) -> bool:
        """Say whether all bytes of it that were stored are there."""
        found = self.parts.get(backup.backup_name)
        return found is not None and found.listed and found.packed >= backup.compressed_size


def survey_store(system: System, now: datetime, only: str | None) -> Seen:  # noqa: ARG001 - all rooms are asked alike
    """Read it. Raise InputError when `only` is given or nothing is promised; as `looked.look` and `survey.asked`."""
    if only is not None or SECTION.of(system.policy).wal_g is None:
        raise InputError(
            "base backups are kept by one plan over all of them"
            if only
            else "the policy promises nothing of WAL-G",
            hint="Write `lifecycle backups wal-g plan`, and `backups: {wal_g: ...}` in the policy.",
        )
    said, walg = survey.asked(system), program.find(system)
    # First: a base backup that is finished meanwhile has its files, and is not taken for what a killed one left.
    files = stored(walg.run("st", "ls", "-r", BASES).splitlines())
    there = looked.look(system, walg, said)
    log = _log(measured.stored(walg), said.server.segment_size)
    try:
        with closing(system.connect("backups survey", write=False)) as conn:
            proven = evidence.proven(conn, drill.RECOVERED)
            holds = tuple(hold.number for hold in gate.readable(conn))
    except psycopg.Error as error:
        raise connect.explain(error) from None
    return Seen(said, there, parts(files), log, _points(walg, system), proven, holds)


def stored(lines: Iterable[str]) -> dict[str, Stored]:
    """Return the files that `wal-g st ls -r` lists, by their names below the folder."""
    found = dict[str, Stored]()
    for line in lines:
        if listed := _FILE.search(line.rstrip()):
            at = datetime.strptime(f"{listed['at']} {listed['zone']}", "%Y-%m-%d %H:%M:%S %z")
            found[listed["name"]] = Stored(int(listed["size"]), at)
    return found


def parts(files: Mapping[str, Stored]) -> dict[str, Parts]:
    """Return what is there of each base backup, finished or not. A name that is none of theirs is let be."""
    of = dict[str, list[str]]()
    for name in files:
        owner = name.partition("/")[0].removesuffix(SENTINEL)
        if _BASE.fullmatch(owner):
            of.setdefault(owner, []).append(name)
    return {
        owner: Parts(
            f"{owner}{SENTINEL}" in names,
            tuple(sorted(names)),
            sum(files[name].size for name in names if "/tar_partitions/" in name),
            max(files[name].at for name in names),
        )
        for owner, names in of.items()
    }


def _log(names: Iterable[str], size: int) -> dict[Segment, tuple[str, ...]]:
    """Return the files of each segment: itself, and the labels and lists that WAL-G puts beside it."""
    found = dict[Segment, list[str]]()
    for name in sorted(names):
        if _OF_LOG.fullmatch(name):
            found.setdefault(segment(name, size), []).append(name)
    return {one: tuple(of) for one, of in found.items()}


def _points(walg: Program, system: System) -> tuple[str, ...]:
    """Return the keys of records of restore points, and of signatures whose record is gone, the oldest first."""
    return tuple(dict.fromkeys(_records(record.files(walg, system.name))))


def _records(keys: Iterable[str]) -> Iterator[str]:
    for key in sorted(keys):
        if key.removesuffix(".sig").endswith(".json"):
            yield key.removesuffix(".sig")
