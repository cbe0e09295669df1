"""Reads everything archived again, a part of it every day, and holds it against its SHA-256. Changes nothing.

An archive that the ledger knows as proven and that the bucket has no more is named every day.

What is read on a day follows from the day and the thing's own digest, so that within `every` each is read once, and
nobody has to remember where he was. A row is named by the beginning of a digest of its key: a key may be a person's.
"""

import hashlib
from contextlib import closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import progress, scratch
from lifecycle.coverage import Judgement, Looks, Place, Reason
from lifecycle.errors import LifecycleError, NotFound, Unreachable
from lifecycle.ledger import evidence
from lifecycle.outcome import Failure
from lifecycle.outside import objects
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog, connect
from lifecycle.promise import Task
from lifecycle.system import System
from lifecycle.words import counted
from retention.archive import shelf
from retention.archive import statements_of_check as statements
from retention.archive.end import ENDED
from retention.archive.manifest import DATA, Manifest
from retention.archive.prove import PROVEN
from retention.archive.section import SECTION, Digests
from retention.archive.write import PREFIX

JOB = "retention.archives"
CHECKED = "retention.archive_checked"
"""What the ledger calls the look at one archive: an outcome where it was whole, a finding where it was not."""

NAMED = 20
"""How many rows of one column are named; the count is of all."""

_ARCHIVE = (
    "See who wrote to the bucket. Where it keeps versions, the one that was stored is still there."
)
_ROW = "See who changed it, and take it out of a backup: `lifecycle backups list`."


def slice_of(policy: Policy, now: datetime) -> tuple[int, int]:
    """Return (into how many parts all is divided, which of them is today's, from 0)."""
    parts = max(1, SECTION.of(policy).every.at_least().days)
    return parts, now.astimezone(ZoneInfo(policy.timezone)).toordinal() % parts


def carry_out(task: Task) -> Judgement:
    """Read today's part. One that is not whole hides no other. Raise Unreachable, AccessDenied."""
    looks, promised = Looks(), set[Place]()
    archives = SECTION.of(task.system.policy)
    counts = {"archives": 0, "values": 0}
    if archives.bucket is not None:
        _archives(task, looks, promised, counts)
    for one in archives.digests:
        place = Place("digests", f"{one.table}.{one.of}")
        promised.add(place)
        _digests(task, one, place, looks, counts)
    parts, _ = slice_of(task.system.policy, task.now)
    summary = (
        f"{counted(counts['archives'], 'archive')} and {counted(counts['values'], 'value')} read again, "
        f"one of {parts} parts"
    )
    return Judgement(looks.cover(promised), summary, counts)


def _archives(task: Task, looks: Looks, promised: set[Place], counts: dict[str, int]) -> None:
    parts, today = slice_of(task.system.policy, task.now)
    on = shelf.shelf(task.system)
    shelf_itself = Place("bucket", on.bucket)
    promised.add(shelf_itself)
    with closing(on.store), closing(task.system.connect(JOB)) as conn:
        with looks.at(shelf_itself):
            found = tuple(on.all())
        # What the bucket lists says nothing of what is gone from it: that the ledger knows.
        gone = evidence.targets(conn, PROVEN) - evidence.targets(conn, ENDED)
        gone -= {key for key, _ in found}
        looks.found(
            *(
                Failure(key, "it was proven, and is not in the bucket any more", _ARCHIVE)
                for key in sorted(gone)
            )
        )
        for key, written in found:
            name = Path(key).name.removesuffix(DATA)
            if int(hashlib.sha256(name.encode()).hexdigest(), 16) % parts != today:
                continue
            counts["archives"] += 1
            place = Place("archive", key)
            promised.add(place)
            with looks.at(place):
                wrong = _wrong(task.system, on, key, written)
            if wrong is not None:
                looks.found(Failure(key, wrong, _ARCHIVE))
            kind = "outcome" if wrong is None else "finding"
            evidence.record(conn, task.claim, kind, CHECKED, key, digest=name)


def _wrong(
    system: System, on: shelf.Shelf, key: str, written: Manifest | LifecycleError
) -> str | None:
    """Return what is wrong with an archive, None when every byte of it is as its name says."""
    if isinstance(written, LifecycleError):
        return "it has no manifest that could be read"
    progress.phase(f"{JOB}: {written.description.leaf}")
    with scratch.directory(system.machine, PREFIX) as directory:
        try:
            on.fetch(written, directory / Path(key).name)
        except Unreachable:
            raise
        except LifecycleError as error:
            return error.what
    return None


def _digests(task: Task, one: Digests, place: Place, looks: Looks, counts: dict[str, int]) -> None:
    """Hold today's part of a column against the digests beside it."""
    policy = task.system.policy
    table = policy.tables.get(one.table)
    parts, today = slice_of(policy, task.now)
    values = {"parts": parts, "today": today}
    try:
        with task.system.snapshot(JOB) as conn, looks.at(place):
            key = catalog.read(conn).table(one.table).primary_key
            if table and table.bucket and one.of in table.objects:
                read, wrong = _objects(task.system, conn, one, table.bucket, key, values)
            else:
                rows = conn.execute(statements.differing(one, key), values).fetchall()
                row = conn.execute(statements.how_many(one), values).fetchone()
                read = row[0] if row else 0
                wrong = [(name, "is not what its digest is of") for (name,) in rows]
    except (psycopg.Error, NotFound) as error:
        said = connect.explain(error) if isinstance(error, psycopg.Error) else error
        if isinstance(said, Unreachable):
            raise said from None
        looks.not_at(place, Reason(said.what, said.hint))
        return
    counts["values"] += read
    for name, what in wrong[:NAMED]:
        looks.found(Failure(one.table, f"{one.of} of row {name} {what}", _ROW))
    if len(wrong) > NAMED:
        more = f"{one.of} of {counted(len(wrong) - NAMED, 'more row')} is not what its digest says"
        looks.found(Failure(one.table, more, _ROW))


def _objects(
    system: System,
    conn: Connection[TupleRow],
    one: Digests,
    bucket: str,
    key: tuple[str, ...],
    values: dict[str, int],
) -> tuple[int, list[tuple[str, str]]]:
    """Read today's objects of a column; return how many, and (name, what is wrong) of those that are not whole."""
    wrong: list[tuple[str, str]] = []
    rows = conn.execute(statements.objects(one, key), values).fetchall()
    with (
        closing(objects.store(system)) as store,
        scratch.directory(system.machine, PREFIX) as directory,
    ):
        for name, place, digest in rows:
            if place is None:
                wrong.append((name, "is gone, and its digest is still there"))
                continue
            try:
                came = store.get_file(bucket, place, directory / "object")
            except NotFound:
                wrong.append((name, "leads to an object that is gone"))
            else:
                if came != (digest or "").lower():
                    wrong.append((name, "leads to other bytes than its digest is of"))
    return len(rows), wrong
