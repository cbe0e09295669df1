"""Proves an archive: fetched back from the bucket, loaded by the database, and held against the table.

    with prove(task, conn, code, shelf, written) as proven:
        ...                # the rows as the archive has them are in `returning.statements.STAGED`, of this session

Whoever destroys takes what was proven from there: the rows of the archive, as the archive has them, and no others.
Nothing is changed here but that table.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle import progress, scratch
from lifecycle.errors import Refused, Unproven
from lifecycle.ledger.code import Code
from lifecycle.ledger.effect import Change
from lifecycle.postgres import connect
from lifecycle.promise import Task
from lifecycle.returning import staging
from lifecycle.returning import statements as of_return
from lifecycle.words import counted
from retention.archive import parquet, rows, shelf, statements
from retention.archive.manifest import Content, Description, Manifest
from retention.archive.rows import Rows
from retention.archive.shelf import Shelf
from retention.archive.write import PREFIX, record

PROVEN = "retention.proven"
"""What the ledger calls it."""

ALL_FREE = sql.SQL("")
"""Nothing keeps a row that was archived."""


@dataclass(frozen=True, slots=True)
class Proven:
    """An archive that holds what it says. `blocks` pages of its rows are loaded, as `let_go` counts them."""

    written: Manifest
    blocks: int

    @property
    def content(self) -> Content:
        """Return what the archive holds."""
        return self.written.description.content


@contextmanager
def prove(
    task: Task, conn: Connection[TupleRow], seen: Code, on: Shelf, written: Manifest
) -> Generator[Proven]:
    """Fetch an archive back, load it, and hold count and digest of what was loaded against its manifest.

    `conn` is in no transaction, and `written.description.leaf` is there still. The loaded rows stay for the block.
    `seen` is the code that may run as they are loaded. Raise Unproven when anything is not what was archived, Refused
    (disk full, no temporary table, code that was exchanged), NotFound when the relation is gone, Fenced, Unreachable,
    AccessDenied: nothing may be destroyed then.
    """
    described = written.description
    with scratch.directory(task.system.machine, PREFIX) as directory:
        file = directory / Path(written.key).name
        shelf.must_fit(directory, written.size)
        progress.phase(f"retention.archives: fetch {described.leaf} back")
        on.fetch(written, file)
        progress.phase(f"retention.archives: compare {described.leaf}")
        try:
            blocks = _load(conn, seen, described, file)
        except psycopg.Error as error:
            conn.execute(of_return.UNSTAGE)
            raise _unloadable(conn, written.key, error) from None
    try:
        record(task, conn, "outcome", PROVEN, written)
        yield Proven(written, blocks)
    finally:
        if not conn.broken:
            conn.execute(of_return.UNSTAGE)


def must_hold(proven: Proven, there: Content) -> None:
    """Raise Unproven unless the rows in the table are those that were archived: `there` is `rows.content` of them.

    For a whole leaf: asked again in the transaction that drops it, behind its lock.
    """
    had = proven.content
    if there == had:
        return
    what = (
        f"{counted(there.rows, 'row')} are there now, and {had.rows:,} were archived"
        if there.rows != had.rows
        else "as many rows as were archived, and not the same"
    )
    raise Unproven(
        what, hint="Somebody wrote to it since. Nothing was dropped; the next run archives it anew."
    )


def compare(conn: Connection[TupleRow], proven: Proven, wanted: Rows) -> None:
    """Raise as `must_hold` does unless these rows are in the table as they are in the archive. In no transaction."""
    with staging.reading(conn):
        must_hold(proven, rows.content(conn, wanted, proven.written.description.columns))


def let_go(
    change: Change,
    proven: Proven,
    first: int,
    after: int,
    free: sql.Composable = ALL_FREE,
    values: Mapping[str, object] = MappingProxyType({}),
) -> int:
    """Delete, in a transaction of the caller's, rows that were archived and are still exactly so; return how many.

    Takes the rows of the pages from `first` to before `after`; there are `proven.blocks`. What was changed, or came,
    since the rows were archived is left, and what is not `free`: a condition of a row `t` that begins with `and`, with
    its `values`.
    Raise Refused without a primary key; psycopg.Error as it comes.
    """
    described = proven.written.description
    if not described.primary_key:
        raise Refused(
            f"{described.leaf} has no primary key, so one row of it cannot be told from another",
            hint="Give it one; until then nothing of it is archived and deleted.",
        )
    staging.pin(change.conn)
    return change.conn.execute(
        statements.delete_archived(described.leaf, described.primary_key, free),
        {"first": first, "after": after, **values},
    ).rowcount


def _load(conn: Connection[TupleRow], seen: Code, described: Description, file: Path) -> int:
    """Load an archive's rows and return how many pages they take. Raise Unproven, psycopg.Error as it comes."""
    now = rows.relation(conn, described.leaf)
    shape = [(c.name, c.type, c.not_null) for c in described.columns]
    if [(c.name, c.type, c.not_null) for c in now.columns] != shape:
        raise Unproven(
            f"the columns of {described.leaf} are not those that were archived",
            hint="Somebody altered it since. Nothing was dropped; the next run archives it anew.",
        )
    conn.execute(of_return.UNSTAGE)
    conn.execute(statements.stage_like(described.leaf))
    columns = [column.name for column in described.columns]
    with staging.loading(conn, seen):
        with conn.cursor() as cursor, cursor.copy(of_return.copy_in(of_return.STAGED, columns)) as into:  # fmt: skip
            for block in parquet.lines(file):
                into.write(block)
        loaded = rows.staged(conn, described)
        blocks = rows.staged_blocks(conn)
    if loaded != described.content:
        raise Unproven(
            f"{counted(loaded.rows, 'row')} were loaded, and {described.content.rows:,} archived"
            if loaded.rows != described.content.rows
            else "as many rows were loaded as archived, and not the same",
            hint="A type of this table does not come back as it was written. Nothing was dropped: report it.",
        )
    return blocks


def _unloadable(conn: Connection[TupleRow], key: str, error: psycopg.Error) -> Exception:
    said = connect.explain(error)
    if conn.broken or isinstance(error, psycopg.errors.InsufficientPrivilege):
        return said
    return Unproven(
        f"what {key} holds cannot be loaded: {said.what}",
        hint="A type of this table takes back other text than it gives. Nothing was dropped: report it.",
    )
