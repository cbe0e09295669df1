"""Writes a restore point into the source's log, with what every table held at exactly that place.

A copy that was recovered to the end of the archive proves nothing: a lost tail looks like its end. So the source itself
writes down where to come back to. Nobody is locked out for that: a snapshot is taken, then the point is written, and if
no transaction ended between the two, the snapshot is what the point holds, and is counted at leisure. Otherwise, again.
A commit's record may be in the log before the commit is seen; who recovers to the point finds that out of the record.

A transaction of its own: what the point's own transaction wrote would come after it. Then the segment is closed and
waited for, in the store itself: the server's word that it was archived is not asked for. Last, the point's record is
stored there too (`record.py`), and then spoken of on the ledger.
"""

import time
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import Connection, IsolationLevel
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import TupleRow

from backups import measure, scratch, seal
from backups.manifest import Content
from backups.section import SECTION
from backups.wal_g import program, record, segment, statements
from backups.wal_g.program import Program
from backups.wal_g.record import JOB, POINTED, Point, Recorded, Source
from lifecycle import clock, progress
from lifecycle.coverage import NOTHING_ASKED, Judgement, Looks, Place
from lifecycle.errors import (
    AccessDenied,
    CommandFailed,
    LifecycleError,
    Refused,
    Unproven,
    Unreachable,
)
from lifecycle.ledger import evidence
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Failure
from lifecycle.postgres import connect
from lifecycle.promise import Task
from lifecycle.system import System
from lifecycle.words import counted

LIMIT = timedelta(hours=4)
TRIES = 200
"""How often a point is written until nothing was committed while it was; one takes a millisecond and 100 bytes."""

IN_PROGRESS = 50
"""How many open transactions a point is recorded with."""

GRANT = "As a superuser: `grant execute on function pg_create_restore_point(text), pg_switch_wal() to lifecycle`."


def carry_out(task: Task) -> Judgement:
    """Write a point, count, and wait until the archive has it.

    Raise InputError, NotFound, Refused (another program than pinned; too busy), AccessDenied, Unreachable.
    """
    promised = SECTION.of(task.system.policy).wal_g
    if promised is None:
        return Judgement(NOTHING_ASKED, "the policy promises nothing of WAL-G")
    seal.of(task.system).must_sign()
    walg = program.find(task.system)
    point, contents = take(task.system, task.claim)
    began = clock.monotonic()
    patience = max(promised.rpo.at_least(), timedelta(minutes=2))
    looks, stored = Looks(), Place("segment", point.segment)
    progress.phase("backups.point: wait until the archive has it")
    recorded: Recorded | None = None
    with looks.at(stored, *(Place("table", name) for name in contents)):
        try:
            _wait(task.system, walg, point, patience)
            archived = round((clock.monotonic() - began) * 1000)
            made = written_down(task.system, point, contents, archived)
            record.put(walg, task.system, made)
            recorded = made
        except Unproven as error:
            looks.found(Failure(f"segment {point.segment}", error.what, error.hint))
    note(task.system, task.claim, point, recorded)
    counts = {"tables": len(contents), "rows": sum(one.rows for one in contents.values())}
    counts |= {"archived_ms": recorded.archived_ms} if recorded else {}
    coverage = looks.cover({stored, *(Place("table", name) for name in contents)})
    said = "in the archive" if recorded else "not in the archive"
    summary = f"{point.name} at {point.lsn:X} with {counted(counts['rows'], 'row')} is {said}"
    return Judgement(coverage, summary, counts)


def take(system: System, claim: Claim) -> tuple[Point, dict[str, Content]]:
    """Write a point and return it with what each table holds there. Raise Refused where it is never quiet enough."""
    with closing(system.connect(JOB)) as reader, closing(system.connect(JOB)) as writer:
        reader.isolation_level = IsolationLevel.REPEATABLE_READ
        reader.read_only = True
        try:
            for number in range(TRIES):
                name = f"lifecycle_{claim.id}_{claim.attempt}_{number}"
                with reader.transaction(force_rollback=True):
                    measure.pin(reader, LIMIT)
                    point = _written(reader, writer, name)
                    if point is not None:
                        writer.execute(statements.SWITCH)
                        progress.phase("backups.point: count")
                        return point, measure.tables(reader)
        except InsufficientPrivilege:
            raise AccessDenied("the service may not write a restore point", hint=GRANT) from None
        except psycopg.Error as error:
            raise connect.explain(error) from None
    raise Refused(
        f"transactions ended while each of {TRIES} restore points was written, so none has exact counts",
        hint="Let the job run at a quieter hour: `schedule: {backups.point: ...}` in the policy.",
    )


def _written(reader: Connection[TupleRow], writer: Connection[TupleRow], name: str) -> Point | None:
    """Return the point, or None where something ended between the snapshot and it."""
    seen = _one(reader, statements.SNAPSHOT)
    pointed = writer.execute(statements.POINT, {"name": name}).fetchone()
    assert pointed is not None
    lsn: int = pointed[0]
    if _one(writer, statements.SNAPSHOT) != seen:
        return None
    _, xmax, listed = seen.split(":")
    in_progress = tuple(int(xid) for xid in listed.split(",") if xid)
    if len(in_progress) > IN_PROGRESS:
        return None
    row = writer.execute(statements.FACTS, {"lsn": lsn}).fetchone()
    assert row is not None
    name_of_segment, identifier, version, timeout, size = row
    limits = dict(writer.execute(statements.LIMITS).fetchall())
    # -1: it archives nothing, which the ledger's numbers have no other word for.
    waits = -1 if timeout is None else timeout
    return Point(
        name, lsn, name_of_segment, identifier, version, waits, size, int(xmax), in_progress, limits
    )


def _one(conn: Connection[TupleRow], statement: LiteralString) -> str:
    row = conn.execute(statement).fetchone()
    assert row is not None
    return str(row[0])


def _wait(system: System, walg: Program, point: Point, patience: timedelta) -> None:
    """Return when the store has the point's segment, whole and of this server. Raise what is wrong where it has not."""
    end = clock.monotonic() + patience.total_seconds()
    with scratch.directory(system.machine) as ours, segment.place(ours) as place:
        while True:
            wrong = _wrong(walg, point, place)
            if wrong is None:
                return
            if clock.monotonic() > end:
                raise wrong
            time.sleep(1)


def _wrong(walg: Program, point: Point, place: Path) -> LifecycleError | None:
    """Return what is wrong with the point's segment in the store; a folder has a part of it while it is stored."""
    file = place / point.segment
    try:
        if not segment.fetched(walg, point.segment, place):
            return Unproven(
                "it is not in the archive, and it was closed long ago",
                hint="Look at `select * from pg_stat_archiver` and the server's log; the server may say that it is "
                "archived all the same (`archive_command = /bin/true`).",
            )
        segment.must_be(file, point.segment, point.identifier, point.segment_size)
    except CommandFailed as error:
        return Unproven(error.what, hint=error.hint)
    except (Unproven, Unreachable) as error:
        return error
    finally:
        file.unlink(missing_ok=True)
    return None


def written_down(
    system: System, point: Point, contents: Mapping[str, Content], archived: int
) -> Recorded:
    """Return its record, as it is to be stored."""
    at, signs = clock.now(), seal.of(system).signs
    with closing(system.connect(JOB, write=False)) as conn:
        since = evidence.since(conn, POINTED) or at
        row = conn.execute(statements.SOURCE).fetchone()
    assert row is not None
    superuser, extensions = row
    source = Source(superuser, system.policy.database or system.name, tuple(sorted(extensions)))
    return Recorded(
        system=system.name,
        key=record.place(system.name, at, point),
        at=at,
        since=since,
        archived_ms=archived,
        point=point,
        source=source,
        tables=dict(contents),
        signed_by=signs.public.fingerprint if signs else None,
    )


def note(system: System, claim: Claim, point: Point, recorded: Recorded | None) -> None:
    """Write it down. One that the archive does not have is a finding, and no drill comes back to it."""
    counts = {"lsn": point.lsn, "timeline": point.timeline}
    if recorded is not None:
        counts |= {"archived_ms": recorded.archived_ms, "tables": len(recorded.tables)}
        counts["rows"] = recorded.rows
    kind, digest = ("outcome", recorded.digest()) if recorded else ("finding", None)
    with system.connect(JOB) as conn:
        evidence.record(conn, claim, kind, POINTED, point.name, counts=counts, digest=digest)
