"""Which dump may be believed, and the rows of one table in it, on a private server of ours.

What lies in the bucket may be anybody's. Rows of it come into the database, so a dump counts here by the signature that
is asked for; where no key is set, once the ledger knows its manifest.
"""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import Composable

from backups import drill, keyed, manifest, measure, restore, scratch, seal, secrecy, shelf
from backups import statements as of_room
from backups.in_parts import LIMIT
from backups.manifest import Manifest
from backups.one_table import statements
from backups.one_table.statements import There
from backups.roles import Globals
from backups.timings import Timings
from lifecycle.errors import InputError, NotFound, Unproven
from lifecycle.ledger import evidence
from lifecycle.postgres import connect, names
from lifecycle.returning import staging
from lifecycle.returning.fitting import Fit
from lifecycle.returning.statements import ALL, COLUMNS
from lifecycle.system import System
from lifecycle.words import choices


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which table; the rows whose `column` is `key`, or all of them; of which dump, or of the newest."""

    table: str
    column: str | None = None
    key: str | None = None
    dump: str | None = None

    def __str__(self) -> str:
        return f"table {self.table}" + (f", rows of one {self.column}" if self.column else "")


@dataclass(slots=True)
class Column:
    """One column of the table, as it was dumped."""

    name: str
    type: str
    not_null: bool
    default: str | None
    generated: bool
    identity: bool


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that were asked for, on the private server, read within one snapshot."""

    conn: Connection[TupleRow]
    there: There
    where: Composable
    columns: tuple[Column, ...]

    def blocks(self, fit: Fit) -> Iterator[memoryview]:
        """Yield them as CSV, with the columns that come back."""
        said = statements.copy_out(self.there, fit.columns, self.where)
        with self.conn.cursor() as cursor, cursor.copy(said) as out:
            for block in out:
                yield memoryview(block)

    def must_be(self, conn: Connection[TupleRow], fit: Fit) -> None:
        """Raise Unproven unless exactly these were loaded."""
        mine = self.conn.execute(statements.content(self.there, fit.columns, self.where)).fetchone()
        if mine != staging.content(conn):
            raise Unproven(
                "what was loaded is not what the dump holds",
                hint="Nothing was restored. A type of this table does not come back as it was written: report it.",
            )


def find(system: System, conn: Connection[TupleRow], key: str | None) -> Manifest:
    """Return the manifest of this dump, or of the newest that the ledger knows. Raise NotFound, Unproven."""
    known = key or evidence.newest(conn, system.name, "backups.dump", "backups.dumped")
    if known is None:
        raise NotFound(
            "the ledger knows of no dump", hint="`lifecycle backups list` shows what lies there."
        )
    text = shelf.described(system, known)
    written = manifest.parse(text, known)
    ours = (written.key, written.system, written.source.database)
    if ours != (known, system.name, system.policy.database):
        raise Unproven("this manifest was written for another place", hint="See who copied it.")
    told = evidence.digests(conn, "backups.described", known)
    if not seal.of(system).asked and sha256(text).hexdigest() not in told:
        raise Unproven(
            f"the manifest of {known} is not one that the ledger speaks of",
            hint="No key signs dumps here, so nobody can tell whose it is. See who may write to the bucket.",
        )
    return written


@contextmanager
def rows(system: System, dumped: Manifest, wanted: Wanted, timings: Timings) -> Generator[Rows]:
    """Fetch the dump, restore the table alone, hold it against the manifest, and give the rows that were asked for.

    Raise NotFound where the dump has no such table or column, InputError where the key is no value of it, Unproven when
    the dump is bad, and as `restore.one_table` does.
    """
    if wanted.table not in dumped.tables:
        hint = choices(wanted.table, dumped.tables, "It has")
        raise NotFound(f"{dumped.key} has no table {wanted.table}", hint=hint)
    binaries = drill.programs(system, dumped)
    scratch.sweep(system.machine, binaries)
    with scratch.directory(system.machine) as directory:
        scratch.must_fit(directory, drill.needed(dumped, restore=True))
        file = directory / manifest.DATA
        with timings.phase("download"):
            shelf.get(system, dumped, file)
            drill.same_bytes(dumped, file)
            secrecy.open_file(system, dumped, file)
            beside = shelf.get_globals(system, dumped) if dumped.keyed else None
        with (
            restore.one_table(dumped, wanted.table, binaries, directory, timings) as restorer,
            closing(connect.connect(restorer, "backups.restore", write=False)) as conn,
            conn.transaction(force_rollback=True),
        ):
            measure.pin(conn, LIMIT)
            _must_be_as_dumped(conn, dumped, beside, wanted.table)
            yield _asked(conn, wanted)


def columns(conn: Connection[TupleRow], table: str) -> tuple[Column, ...]:
    """Return the columns of a table."""
    spelled = {"relation": names.sql_name(table).as_string(conn)}
    return tuple(Column(*row) for row in conn.execute(COLUMNS, spelled))


def _must_be_as_dumped(
    conn: Connection[TupleRow], dumped: Manifest, beside: Globals | None, table: str
) -> None:
    held = keyed.table_as_of(dumped, beside, table, measure.table(conn, table))
    if held != dumped.tables[table]:
        what = f"{table} did not come out of the dump as it was dumped"
        raise Unproven(what, hint=manifest.HINT)


def _asked(conn: Connection[TupleRow], wanted: Wanted) -> Rows:
    spelled = {"relation": names.sql_name(wanted.table).as_string(conn)}
    staging.pin(conn)
    there = conn.execute(of_room.ONE, spelled).fetchone()
    assert there is not None
    has = columns(conn, wanted.table)
    where: Composable = ALL
    if wanted.column is not None and wanted.key is not None:
        if wanted.column not in {column.name for column in has}:
            what = f"{wanted.table} had no column {wanted.column} when it was dumped"
            raise NotFound(
                what, hint="Leave `--column` out: its rows of then cannot be told apart."
            )
        where = statements.of_key(wanted.column, wanted.key)
    found = Rows(conn, (there[0], there[1], there[2]), where, has)
    _must_be_a_value(found, wanted)
    return found


def _must_be_a_value(found: Rows, wanted: Wanted) -> None:
    """Raise InputError where the key is no value of its column: what PostgreSQL says of it may quote the key."""
    try:
        with found.conn.transaction(force_rollback=True):
            found.conn.execute(statements.content(found.there, (), found.where))
    except psycopg.errors.DataError:
        raise InputError(
            f"the key is no value of {wanted.column}", hint="Give it as the column has it."
        ) from None
