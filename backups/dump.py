"""Takes a dump: one snapshot, the exact counts of that snapshot, the dump, and the manifest last.

Interrupted at any instant it may run again: a dump is complete when its manifest is there, and each attempt
writes to a place of its own, named by run and attempt, so what an earlier one left is never mistaken for it.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import psycopg
from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow

from backups import (
    covering,
    keyed,
    manifest,
    measure,
    roles,
    scratch,
    seal,
    secrecy,
    shelf,
    statements,
    structure,
)
from backups.manifest import Content, Encryption, Manifest, Source
from backups.roles import Globals
from backups.section import SECTION
from backups.structure import Structure
from lifecycle import clock, progress
from lifecycle import scratch as machine
from lifecycle.coverage import NOTHING_ASKED, Judgement, Looks, Place
from lifecycle.errors import NotFound, Refused
from lifecycle.ledger import evidence
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Failure
from lifecycle.outside import commands
from lifecycle.outside.digest import file_sha256
from lifecycle.postgres import connect
from lifecycle.postgres.server import Binaries
from lifecycle.promise import Task
from lifecycle.system import System
from lifecycle.words import counted

LIMIT = timedelta(hours=4)
"""How long a dump may take in all."""

LET_READ = (
    "As their owner or a superuser, in psql: `select format('grant select on large object %s to lifecycle', oid) "
    "from pg_largeobject_metadata \\gexec`; and again for each that is made later."
)
"""What lets the service read the large objects that are there."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A dump in a file of ours, with what the database held in the same snapshot."""

    file: Path
    tool: str
    source: Source
    tables: dict[str, Content]
    of_extensions: tuple[str, ...]
    structure: Structure
    globals: Globals
    encryption: Encryption | None = None


def carry_out(task: Task) -> Judgement:
    """Dump the database of the system into the bucket, once per slot.

    Raise Unreachable, AccessDenied, NotFound, Refused (programs too old, disk too small), CommandFailed,
    DeadlineExceeded, Unproven (what is stored is not what was sent). Nothing counts as a dump then.
    """
    system, claim = task.system, task.claim
    if SECTION.of(system.policy).dumps is None:
        return Judgement(NOTHING_ASKED, "the policy asks for no dumps")
    began = clock.monotonic()
    seal.of(system).must_sign()
    secrecy.must_be_possible(system)
    complete = shelf.of_slot(system, claim)
    if complete is not None:
        _record(system, claim, complete)
        return _judgement(system, claim, complete, "was there already")
    binaries = programs(system)
    scratch.sweep(system.machine, binaries)
    with scratch.directory(system.machine) as directory:
        taken = take(system, binaries, directory)
        progress.phase("backups.dump: encrypt")
        stored, encryption = secrecy.close(system, taken.file)
        taken = _closed(replace(taken, file=stored, encryption=encryption))
        finished = task.now + timedelta(seconds=clock.monotonic() - began)
        written = _manifest(system, claim, taken, task.now, finished)
        with system.connect("backups.dump") as conn:
            evidence.record(
                conn, claim, "intent", "backups.dumped", written.key, digest=written.sha256
            )
        progress.phase("backups.dump: store")
        shelf.put(system, written, taken.file, taken.globals)
    _record(system, claim, written)
    return _judgement(system, claim, written, "stored")


def _closed(taken: Taken) -> Taken:
    """Key the digests of what is encrypted: they stand in the manifest, which is not."""
    if taken.encryption is None:
        return taken
    key = keyed.new()
    return replace(
        taken,
        tables=keyed.tables(taken.tables, key),
        structure=keyed.structure(taken.structure, key),
        globals=taken.globals.model_copy(update={"key": key}),
    )


def programs(system: System) -> Binaries:
    """Return programs of at least the server's major version. Raise Refused when there are none."""
    with system.connect("backups.dump", write=False) as conn:
        row = conn.execute(statements.SERVER).fetchone()
    assert row is not None
    version, major = row
    try:
        return machine.programs(system.machine, at_least=major)
    except NotFound as error:
        raise Refused(
            f"the server is PostgreSQL {version}, and no pg_dump of version {major} or newer is here",
            hint=f"{error.hint} An older pg_dump cannot read a newer server.",
        ) from None


def take(system: System, binaries: Binaries, directory: Path) -> Taken:
    """Dump into `directory` and count in the same snapshot. Raises as `carry_out` does."""
    file = directory / manifest.DATA
    with _snapshot(system) as (conn, snapshot):
        _all_readable(conn)
        source = measure.source(conn)
        # A dump is compressed and has no indexes: the database's own size is far on the safe side.
        scratch.must_fit(directory, source.database_bytes)
        progress.phase("backups.dump: count")
        tables, of_extensions = measure.tables(conn), measure.of_extensions(conn)
        made_of = structure.read(conn)
        beside = roles.read(conn, source.database)
        progress.phase("backups.dump: dump")
        with commands.libpq(system.conninfo(), directory) as (dsn, secret):
            commands.run(
                (
                    str(binaries.tool("pg_dump")),
                    "--format=custom",
                    f"--snapshot={snapshot}",
                    "--lock-wait-timeout=60s",
                    "--no-password",
                    f"--file={file}",
                    f"--dbname={dsn}",
                ),
                env=secret | {"PGAPPNAME": "lifecycle backups.dump"},
                limit=LIMIT,
            )
    version = commands.run(
        (str(binaries.tool("pg_dump")), "--version"), env={}, limit=timedelta(minutes=1)
    )
    return Taken(file, version.stdout.strip(), source, tables, of_extensions, made_of, beside)


def _all_readable(conn: Connection[TupleRow]) -> None:
    """Raise Refused where pg_dump would end at a large object, and not say at which."""
    row = conn.execute(statements.UNREADABLE_LARGE_OBJECTS).fetchone()
    if row and row[0]:
        raise Refused(
            f"{counted(row[0], 'large object')} may not be read by the service, and a dump without them is none",
            hint=LET_READ,
        )


@contextmanager
def _snapshot(system: System) -> Generator[tuple[Connection[TupleRow], str]]:
    """Give a connection inside a read-only transaction, and the name under which others share what it sees."""
    with system.connect("backups.dump") as conn:
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        try:
            with conn.transaction(force_rollback=True):
                measure.pin(conn, LIMIT)
                row = conn.execute(statements.EXPORT_SNAPSHOT).fetchone()
                assert row is not None
                yield conn, row[0]
        except psycopg.Error as error:
            raise connect.explain(error) from None


def _manifest(
    system: System, claim: Claim, taken: Taken, started: datetime, finished: datetime
) -> Manifest:
    return Manifest(
        system=system.name,
        run=claim.id,
        attempt=claim.attempt,
        slot=claim.scheduled_for,
        started_at=started,
        finished_at=finished,
        tool=taken.tool,
        key=shelf.folder(system, claim) + manifest.DATA,
        size=taken.file.stat().st_size,
        sha256=file_sha256(taken.file),
        source=taken.source,
        tables=taken.tables,
        of_extensions=taken.of_extensions,
        structure=taken.structure,
        signed_by=seal.of(system).fingerprint,
        roles_sha256=taken.globals.digest,
        encryption=taken.encryption,
        keyed=taken.globals.key is not None,
    )


def _record(system: System, claim: Claim, written: Manifest) -> None:
    """Write down the sums of the dump and of its manifest: by them a drill knows both again."""
    described, key = sha256(written.to_json()).hexdigest(), written.key
    with system.connect("backups.dump") as conn, conn.transaction():
        evidence.record(conn, claim, "outcome", "backups.described", key, digest=described)
        evidence.record(
            conn,
            claim,
            "outcome",
            "backups.dumped",
            key,
            counts=_counts(written),
            digest=written.sha256,
        )


def _counts(written: Manifest) -> dict[str, int]:
    seconds = (written.finished_at - written.started_at).total_seconds()
    return {
        "tables": len(written.tables),
        "rows": written.rows,
        "bytes": written.size,
        "dump_ms": round(seconds * 1000),
    }


def _judgement(system: System, claim: Claim, written: Manifest, how: str) -> Judgement:
    """Return what the dump covers: every table of the database as it is now, and what is no table."""
    looks, stored = Looks(), Place("object", written.key)
    with system.connect("backups.dump", write=False) as conn:
        tables = {Place("table", name) for name in measure.names(conn)}
    covering.of_extensions(looks, written)
    with looks.at(stored, *(Place("table", name) for name in written.tables)):
        held = shelf.of_slot(system, claim)
    if held is None or (held.sha256, held.tables) != (written.sha256, written.tables):
        looks.found(_not_held(written))
    summary = (
        f"dump {how}: {counted(written.rows, 'row')} of {counted(len(written.tables), 'table')}, "
        f"{counted(written.size, 'byte')}, under {written.key}"
    )
    return Judgement(looks.cover({stored, *tables}), summary, _counts(written))


def _not_held(written: Manifest) -> Failure:
    what = "the bucket does not hold it, or not as it was taken"
    hint = "Look who or which lifecycle rule changed it, and run `lifecycle run backups.dump`."
    return Failure(written.key, what, hint)
