"""Reads the archive three ways: the server's word, its files beside the log, and the names in WAL-G's store.

The server is asked first: whatever it says is archived by then has to be in the store when that is listed.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg.rows import class_row

from backups.wal_g.intervals import Moment
from backups.wal_g.lines import File
from backups.wal_g.log import Segment, segment
from backups.wal_g.program import Program
from backups.wal_g.record import POINTED
from backups.wal_g.watch import statements
from backups.wal_g.watch.known import Known, standing
from lifecycle.ledger import evidence
from lifecycle.postgres import connect
from lifecycle.system import System

JOB = "backups.watch"

_LISTED = re.compile(
    r"(?P<name>[0-9A-F]{24}|[0-9A-F]{8}\.history)(\.(lz4|lzo|lzma|zst|br|gz|none))?"
)


@dataclass(frozen=True, slots=True)
class Server:
    """What it says of its log. `archive_timeout` in seconds, None where it archives nothing; `at` is its own clock."""

    standby: bool
    archive_timeout: int | None
    segment_size: int
    lsn: int
    segment: str
    last_archived_wal: str | None
    last_archived_time: datetime | None
    last_failed_wal: str | None
    last_failed_time: datetime | None
    failed_count: int
    identifier: int
    at: datetime

    @property
    def open(self) -> Segment:
        """Return the segment that it writes into: each before it is closed."""
        return Segment(int(self.segment[:8], 16), self.lsn // self.segment_size)


class Kept(NamedTuple):
    """A closed segment that the server still has: whether it says that it is archived, and when it was closed."""

    archived: bool
    closed: datetime


@dataclass(frozen=True, slots=True)
class Said:
    """The server's side. `files` are None where the service may not list them.

    `moments`: how far the log was at earlier looks, by the ledger that is written in it. `pointed`: when the first
    restore point was written. `known`: the gaps that somebody knows of.
    """

    server: Server
    files: Mapping[Segment, Kept] | None
    moments: tuple[Moment, ...] = ()
    pointed: datetime | None = None
    known: tuple[Known, ...] = ()

    @property
    def lived(self) -> dict[int, int]:
        """Return the timelines on which the ledger in this server was written, with the last place on each."""
        return {one.timeline: one.lsn for one in sorted(self.moments, key=lambda one: one.lsn)}


@dataclass(frozen=True, slots=True)
class Store:
    """The names in the store: segments and histories of timelines, each with when it was stored by its clock.

    `objects` are the names of the segments as they are stored, with what they were compressed by.
    """

    segments: Mapping[Segment, datetime]
    histories: Mapping[int, datetime] = field(default_factory=dict[int, datetime])
    objects: Mapping[Segment, str] = field(default_factory=dict[Segment, str])

    @property
    def timelines(self) -> frozenset[int]:
        """Return each timeline of which anything is there."""
        return frozenset({one.timeline for one in self.segments} | self.histories.keys())

    def newest(self, timeline: int) -> datetime:
        """Return when something of this timeline was stored last; it is one of `timelines`."""
        ours = [at for one, at in self.segments.items() if one.timeline == timeline]
        return max((*ours, *(at for one, at in self.histories.items() if one == timeline)))


def asked(system: System) -> Said:
    """Ask the server. Raise as `connect.explain`."""
    try:
        with closing(system.connect(JOB, write=False)) as conn:
            with conn.cursor(row_factory=class_row(Server)) as cursor:
                server = cursor.execute(statements.SERVER).fetchone()
            assert server is not None
            asked = {"job": JOB, "system": system.name}
            moments = tuple(Moment(*row) for row in conn.execute(statements.MOMENTS, asked))
            pointed, known = evidence.since(conn, POINTED), standing(conn)
            may = conn.execute(statements.MAY_LIST).fetchone()
            if may != (True,):
                return Said(server, None, moments, pointed, known)
            files = conn.execute(statements.FILES).fetchall()
    except psycopg.Error as error:
        raise connect.explain(error) from None
    size = server.segment_size
    kept = {segment(name, size): Kept(done, at) for name, done, at in files}
    return Said(server, kept, moments, pointed, known)


def stored(walg: Program, size: int) -> Store:
    """Return what of the log is in the store. Raise as `Program.run`."""
    return parse(walg.ls("wal_005/"), size)


def parse(files: Iterable[File], size: int) -> Store:
    """Return what is listed of the log. Labels of backups and parts of segments are none of it."""
    segments, objects = dict[Segment, datetime](), dict[Segment, str]()
    histories = dict[int, datetime]()
    for file in files:
        if listed := _LISTED.fullmatch(file.name):
            name = listed["name"]
            if name.endswith(".history"):
                histories[int(name[:8], 16)] = file.at
            else:
                one = segment(name, size)
                segments[one] = file.at
                objects[one] = file.name
    return Store(segments, histories, objects)
