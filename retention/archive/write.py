"""Writes rows into an archive: one snapshot, the file, the bucket, and the manifest last. Changes nothing in the table.

A run may be killed at any instant and started again: the same rows in the same order are the same bytes, which the
bucket has already then. Memory stays flat, whatever the number of rows.
"""

from pathlib import Path

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import progress, scratch
from lifecycle.errors import Refused
from lifecycle.ledger import evidence
from lifecycle.outside.digest import file_sha256
from lifecycle.postgres import connect
from lifecycle.promise import Task
from lifecycle.returning import staging
from retention.archive import rows, shelf, statements
from retention.archive.manifest import Description, Manifest
from retention.archive.parquet import Bends, Writer
from retention.archive.rows import Relation, Rows
from retention.archive.shelf import Shelf

PREFIX = "lifecycle-archive-"
"""How the directories are called in which archives are written down."""

ARCHIVED = "retention.archived"
"""What the ledger calls it."""


def write(task: Task, conn: Connection[TupleRow], to: Shelf, wanted: Rows) -> Manifest:
    """Archive these rows and return the manifest, once the bucket has every byte of them. `prove` comes next.

    `conn` is in no transaction. Raise NotFound when the relation is gone, Refused (disk full, no column, not UTF-8),
    Unproven when the bucket has not what was sent, Fenced, Unreachable, AccessDenied.
    """
    with scratch.directory(task.system.machine, PREFIX) as directory:
        file = directory / "rows.parquet"
        progress.phase(f"retention.archives: write {wanted.leaf}")
        try:
            described = _exactly(task, conn, wanted, file)
        except psycopg.Error as error:
            raise connect.explain(error) from None
        except OSError as error:
            raise shelf.no_room(directory, error) from None
        sha256 = file_sha256(file)
        written = Manifest(
            description=described,
            run=task.claim.id,
            written_at=task.now,
            key=to.place(wanted.table, sha256),
            size=file.stat().st_size,
            sha256=sha256,
        )
        record(task, conn, "intent", ARCHIVED, written)
        progress.phase(f"retention.archives: store {wanted.leaf}")
        to.put(written, file)
        record(task, conn, "outcome", ARCHIVED, written, of=wanted)
    return written


def record(
    task: Task,
    conn: Connection[TupleRow],
    kind: evidence.Kind,
    event: str,
    written: Manifest,
    of: Rows | None = None,
) -> None:
    """Write down which archive it is, by its place, rows and bytes; and how old all rows are, where `of` says it."""
    counts = {"rows": written.description.content.rows, "bytes": written.size}
    if of is not None and of.before is not None:
        counts["days"] = (task.now - of.before).days
    evidence.record(
        conn, task.claim, kind, event, written.key, counts=counts, digest=written.sha256
    )


def _exactly(task: Task, conn: Connection[TupleRow], wanted: Rows, file: Path) -> Description:
    """Write the file, in Parquet's own types where all values are values of those, else in PostgreSQL's text."""
    with staging.reading(conn):
        for all_text in (False, True):
            seen = rows.relation(conn, wanted.leaf, all_text=all_text)
            shelf.must_fit(file.parent, seen.size)
            try:
                with (
                    conn.transaction()
                ):  # of a copy that is broken off, the transaction would be lost
                    return _file(task, conn, wanted, seen, file)
            except Bends:
                continue
    raise Refused(
        f"a row of {wanted.leaf} cannot be written down exactly",
        hint="This is a mistake in the program: report it with the column types of the table.",
    )


def _file(
    task: Task, conn: Connection[TupleRow], wanted: Rows, seen: Relation, file: Path
) -> Description:
    """Write one file of all rows, with its description inside. Raise Bends, psycopg.Error as it comes.

    What they come to is asked by itself: in a snapshot that is the same, and the server shares the work out.
    """
    columns = [column.name for column in seen.columns]
    statement = statements.copy_out(wanted.leaf, columns, wanted.where)
    writer, footer = Writer(file, seen.columns), None
    try:
        with conn.cursor() as cursor, cursor.copy(statement, wanted.values or None) as lines:
            for line in lines:
                writer.take(line)
        writer.finish()
        content = rows.content(conn, wanted, seen.columns)
        described = rows.describe(task.system.name, wanted, seen, content)
        footer = described.to_json()
    finally:
        writer.close(footer)
    return described
