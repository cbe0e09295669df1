"""Takes a dump: one snapshot, the exact counts of that snapshot, the dump, and the manifest last.

Interrupted at any instant it may run again: a dump is complete when its manifest is there, and each attempt
writes to a place of its own, named by run and attempt, so what an earlier one left is never mistaken for it.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow

from backups import manifest, measure, scratch, shelf, statements
from backups.manifest import Content, Manifest, Source
from backups.section import SECTION
from lifecycle import clock, progress
from lifecycle.errors import NotFound, Refused
from lifecycle.ledger import evidence
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Outcome, Verdict
from lifecycle.outside import commands
from lifecycle.outside.digest import file_sha256
from lifecycle.postgres import connect
from lifecycle.postgres.server import Binaries, find_binaries
from lifecycle.system import System

LIMIT = timedelta(hours=4)
"""How long a dump may take in all."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A dump in a file of ours, with what the database held in the same snapshot."""

    file: Path
    tool: str
    source: Source
    tables: dict[str, Content]


def carry_out(system: System, claim: Claim, now: datetime) -> Outcome:
    """Dump the database of `system` into the bucket, once per slot.

    Raise Unreachable, AccessDenied, NotFound, Refused (programs too old, disk too small), CommandFailed,
    DeadlineExceeded, Unproven (what is stored is not what was sent). Nothing counts as a dump then.
    """
    if SECTION.of(system.policy).dumps is None:
        return Outcome(Verdict.NOT_CONFIGURED, "the policy asks for no dumps")
    began = clock.monotonic()
    complete = shelf.of_slot(system, claim)
    if complete is not None:
        _record(system, claim, complete)
        return _outcome(complete, "was there already")
    binaries = programs(system)
    scratch.sweep(system.machine, binaries)
    with scratch.directory(system.machine) as directory:
        taken = take(system, binaries, directory)
        written = _manifest(
            system, claim, taken, now, now + timedelta(seconds=clock.monotonic() - began)
        )
        with system.connect("backups.dump") as conn:
            evidence.record(
                conn, claim, "intent", "backups.dumped", written.key, digest=written.sha256
            )
        progress.phase("backups.dump: store")
        shelf.put(system, written, taken.file)
    _record(system, claim, written)
    return _outcome(written, "stored")


def programs(system: System) -> Binaries:
    """Return programs of at least the server's major version. Raise Refused when there are none."""
    with system.connect("backups.dump", write=False) as conn:
        row = conn.execute(statements.SERVER).fetchone()
    assert row is not None
    version, major = row
    named = system.machine.postgres_binaries
    try:
        return find_binaries(system.machine.path(named) if named else None, at_least=major)
    except NotFound as error:
        raise Refused(
            f"the server is PostgreSQL {version}, and no pg_dump of version {major} or newer is here",
            hint=f"{error.hint} An older pg_dump cannot read a newer server.",
        ) from None


def take(system: System, binaries: Binaries, directory: Path) -> Taken:
    """Dump into `directory` and count in the same snapshot. Raises as `carry_out` does."""
    file = directory / manifest.DATA
    with _snapshot(system) as (conn, snapshot):
        source = measure.source(conn)
        # A dump is compressed and has no indexes: the database's own size is far on the safe side.
        scratch.must_fit(directory, source.database_bytes)
        progress.phase("backups.dump: count")
        tables = measure.tables(conn)
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
    return Taken(file, version.stdout.strip(), source, tables)


@contextmanager
def _snapshot(system: System) -> Generator[tuple[Connection[TupleRow], str]]:
    """Give a connection inside a read-only transaction, and the name under which others share what it sees."""
    with system.connect("backups.dump") as conn:
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        try:
            with conn.transaction():
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
    )


def _record(system: System, claim: Claim, written: Manifest) -> None:
    with system.connect("backups.dump") as conn:
        evidence.record(
            conn,
            claim,
            "outcome",
            "backups.dumped",
            written.key,
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


def _outcome(written: Manifest, how: str) -> Outcome:
    return Outcome(
        Verdict.PASS,
        f"dump {how}: {written.rows:,} rows of {len(written.tables)} tables, {written.size:,} bytes, "
        f"under {written.key}",
        _counts(written),
    )
