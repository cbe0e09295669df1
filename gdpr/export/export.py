"""One export: from a person's key to a file that is whole, or to none.

read      in one moment, read only: who it is, how much there is, and every row
objects   of the keys that their rows name, each by exactly this key
witness   the ledger has who it was (a keyed digest), how much and the file's digest, before the file has its name
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from io import BufferedRandom
from pathlib import Path
from re import sub
from tempfile import TemporaryFile
from zipfile import ZIP_DEFLATED, ZipFile

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import notes
from gdpr.export import file, index, tables
from gdpr.export.index import Object
from gdpr.export.subject import Subject, subject
from gdpr.export.tables import Written
from lifecycle import progress, scratch
from lifecycle.coverage import Judgement, Looks, Place
from lifecycle.errors import NotFound, Refused, Unproven
from lifecycle.ledger.effect import effect
from lifecycle.ledger.evidence import Kind
from lifecycle.outside import objects
from lifecycle.outside.keys import ReferenceKey, reference_key
from lifecycle.outside.objects import Objects
from lifecycle.promise import Task
from lifecycle.system import System
from lifecycle.words import counted

PREFIX = "lifecycle-export-"
"""How the scratch directories of exports begin."""


@dataclass(frozen=True, slots=True)
class Made:
    """What is in an archive, and, when it is whole, its length in bytes and its SHA-256."""

    found: Subject
    tables: tuple[Written, ...]
    objects: tuple[Object, ...]
    size: int = 0
    digest: str = ""

    def counts(self) -> dict[str, int]:
        """Return how much it is."""
        return {
            "rows": sum(one.rows for one in self.tables),
            "tables": sum(one.rows > 0 for one in self.tables),
            "objects": sum(one.file is not None for one in self.objects),
            "bytes": self.size,
        }


def carry_out(task: Task, kind: str | None, typed: str, to: Path) -> Judgement:
    """Write what there is of the person with the key `typed` into the file `to`, and say what it came to.

    Raise as `subject` and `file.draft` do; Refused when there is no room for it; Unproven when what was read is not
    what the plan of an erasure counts; as the object store does. Then there is no file.
    """
    file.must_be_free(to)
    key = reference_key(task.system.settings.reference_key)
    for left in scratch.left_behind(task.system.machine, PREFIX):
        shutil.rmtree(left)
    with scratch.directory(task.system.machine, PREFIX) as beside, file.draft(to) as draft:
        made = _write(task, key, kind, typed, draft.file, (beside, to.parent))
        made = replace(made, size=draft.file.seek(0, os.SEEK_END), digest=_digest(draft.file))
        with closing(task.system.connect("gdpr.export")) as conn:
            _say(conn, task, key, made, "intent")
            draft.keep()
            _say(conn, task, key, made, "outcome")
    return _judgement(made)


def _write(
    task: Task,
    key: ReferenceKey,
    kind: str | None,
    typed: str,
    into: BufferedRandom,
    places: tuple[Path, Path],
) -> Made:
    """Write the archive. `places`: a directory of our own, and the one in which the file will be."""
    system = task.system
    with ZipFile(into, "w", ZIP_DEFLATED) as archive, TemporaryFile(dir=places[0]) as spare:
        # It has no name, so nothing of it stays when we are killed; through /proc who wants a path has one.
        beside = Path(f"/proc/self/fd/{spare.fileno()}")
        with system.snapshot("gdpr export") as conn, conn.transaction(force_rollback=True):
            progress.phase("gdpr.export: count")
            found = subject(system, conn, key, kind, typed)
            _must_fit(found.size, places)
            progress.phase("gdpr.export: rows")
            written = tuple(_tables(conn, found, key, archive, beside))
        progress.phase("gdpr.export: objects")
        there = _objects(system, found, archive, spare, places)
        document = index.manifest(system.name, found, written, there, task.now)
        archive.writestr("manifest.json", index.as_json(document))
        archive.writestr("index.html", index.page(document))
    return Made(found, written, there)


def _must_fit(size: int, places: tuple[Path, Path]) -> None:
    """Raise Refused when so many bytes may not fit. What is written is packed, so it is less."""
    free = min(shutil.disk_usage(place).free for place in places)
    if free < size:
        raise Refused(
            f"an export of up to {size:,} bytes may not fit: {free:,} bytes are free",
            hint="Nothing was given away. Free space, there and where `scratch:` in the settings says.",
        )


def _tables(
    conn: Connection[TupleRow], found: Subject, key: ReferenceKey, archive: ZipFile, beside: Path
) -> Iterator[Written]:
    """Write every table's rows. Raise Unproven unless they are those that the plan of an erasure counts."""
    whose = notes.whose(key, found.note.person)

    def stands_for(value: str) -> str:
        # Of this export alone: two of them, put side by side, do not say who is in both.
        return f"other-{key.reference('export', f'{whose} {value}')}"

    for table in found.tables:
        one = tables.write(conn, found.reach, table, found.note.person, archive, beside, stands_for)
        if one.keys != found.rows.keys[table]:
            raise Unproven(
                f"the rows of {table} that were read are not those that an erasure would touch",
                hint="This is a mistake: report it. Nothing was given away.",
            )
        yield one


def _objects(
    system: System,
    found: Subject,
    archive: ZipFile,
    spare: BufferedRandom,
    places: tuple[Path, Path],
) -> tuple[Object, ...]:
    """Fetch the newest version of each object of the person, once it is known that all of them fit."""
    if not found.note.objects:
        return ()
    keys = [(bucket, key) for bucket, keys in found.note.objects.items() for key in keys]
    with closing(objects.store(system)) as store:
        sizes = [_size(store, bucket, key) for bucket, key in keys]
        _must_fit(sum(size or 0 for size in sizes), places)
        return tuple(
            Object(*named, None, 0, "")
            if size is None
            else _fetch(store, archive, spare, number, *named)
            for number, (named, size) in enumerate(zip(keys, sizes, strict=True), start=1)
        )


def _size(store: Objects, bucket: str, key: str) -> int | None:
    """Return how long it is, None where it was thrown away. Raise NotFound for a missing bucket."""
    try:
        return store.head(bucket, key).size
    except NotFound:
        store.exists(bucket, key)
        return None


def _fetch(
    store: Objects, archive: ZipFile, spare: BufferedRandom, number: int, bucket: str, key: str
) -> Object:
    """Put one into the archive, by a name that leads to no other directory."""
    name = f"objects/{number}-{sub(r'[^A-Za-z0-9._-]', '_', key.rpartition('/')[2])}"
    sha256 = store.get_into(bucket, key, spare)
    size = spare.seek(0, os.SEEK_END)
    archive.write(f"/proc/self/fd/{spare.fileno()}", name)
    return Object(bucket, key, name, size, sha256)


def _digest(into: BufferedRandom) -> str:
    into.seek(0)
    return hashlib.file_digest(into, "sha256").hexdigest()


def _say(conn: Connection[TupleRow], task: Task, key: ReferenceKey, made: Made, kind: Kind) -> None:
    """Write it on the ledger: before the file has its name, so that none is without a witness, and after."""
    with effect(conn, task.claim, None) as change:
        change.record(
            kind,
            "gdpr.exported",
            made.found.reach.subject.table,
            counts=made.counts(),
            reference=notes.whose(key, made.found.note.person),
            digest=made.digest,
        )


def _judgement(made: Made) -> Judgement:
    looks = Looks()
    promised = [Place("rows", table) for table in made.found.tables]
    promised += [Place("bucket", bucket) for bucket in made.found.note.objects]
    with looks.at(*promised):
        counts = made.counts()
    gone = len(made.objects) - counts["objects"]
    said = (
        f"{counted(counts['rows'], 'row')} of {counted(counts['tables'], 'table')} and "
        f"{counted(counts['objects'], 'object')} in {counts['bytes']:,} bytes, SHA-256 {made.digest}"
    )
    if gone:
        said += f"; {counted(gone, 'object')} of theirs the store does not have any more"
    return Judgement(looks.cover(promised), said, counts)
