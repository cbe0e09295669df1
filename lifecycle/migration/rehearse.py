"""Sends migrations to a copy of the schema, and says what the database would look like before and after.

The statements are said one by one, as psql does: those that must stand alone (`create index concurrently`) may. They
are said by the owner of most tables, who is no superuser in the copy.
"""

import signal
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psycopg
from psycopg import Connection
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from lifecycle import progress
from lifecycle.errors import InputError
from lifecycle.migration import statements
from lifecycle.migration.copy import Copy, copied
from lifecycle.migration.split import Statement, line_at, split
from lifecycle.postgres import catalog, connect, reasons
from lifecycle.postgres.catalog import Catalog
from lifecycle.settings.model import Settings

_NAMES_ONLY = ("42", "0A", "2B", "3D", "3F")
"""Classes of SQLSTATE whose messages name tables, columns and types, and quote no value."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What the copy looked like before the migrations and after. `notes`: what is not as in the database."""

    before: Catalog
    after: Catalog
    notes: tuple[str, ...]


def read(files: Sequence[Path]) -> list[list[Statement]]:
    """Return the statements of each file, in order. Raise InputError where one cannot be read or sent."""
    found: list[list[Statement]] = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise InputError(
                f"{file} cannot be read ({why})", hint="Name a file of SQL with `--migration`."
            ) from None
        found.append(list(split(str(file), text)))
    return found


def rehearse(
    conn: Connection[TupleRow],
    info: str,
    picture: Catalog,
    files: Sequence[Sequence[Statement]],
    machine: Settings,
) -> Rehearsed:
    """Copy the schema of the database that is connected by `info`, whose picture this is, and migrate the copy.

    Raise InputError at a statement that PostgreSQL refuses; else as `copied`.
    """
    with _ended_by_signals():
        progress.phase("policy.check: copy the schema")
        with copied(conn, info, machine) as copy:
            owners = Counter(table.owner for table in picture.tables.values())
            role = min(owners, key=lambda name: (-owners[name], name), default="")
            role = role or _owner(conn)
            before = _look(copy)
            with connect.connect(
                copy.as_(statements.OVERSEER), "policy.migration", write=True
            ) as overseer:
                for allow in statements.let_migrate(copy.database, role):
                    overseer.execute(allow)
            progress.phase("policy.check: migrate the copy")
            for file in files:
                _send(copy, role, file)
            return Rehearsed(before, _look(copy), tuple(_notes(copy)))


def _notes(copy: Copy) -> Generator[str]:
    if not copy.complete:
        yield "some grants could not be repeated in the copy: it may refuse a migration that the database would not"


def _owner(conn: Connection[TupleRow]) -> str:
    [(_, owner, _)] = conn.execute(statements.SOURCE).fetchall()
    return owner


def _look(copy: Copy) -> Catalog:
    with connect.connect(copy.as_(statements.OVERSEER), "policy.migration", write=False) as conn:
        return catalog.read(conn)


def _send(copy: Copy, role: str, file: Sequence[Statement]) -> None:
    """Say the statements of one file in a session of its own, as psql does."""
    with connect.connect(copy.as_(role), "policy.migration", write=True) as conn:
        conn.execute(statements.AS_ANYBODY)
        conn.execute(statements.LIMITS)
        for said in file:
            try:
                conn.execute(said.text.encode())
            except psycopg.Error as error:
                raise _refused(said, role, error) from None
        if file and conn.info.transaction_status != TransactionStatus.IDLE:
            raise InputError(
                f"{file[-1].file}:{file[-1].line}: the file ends within a transaction",
                hint="End it with `commit`: what is not committed is not there.",
            )


def _refused(said: Statement, role: str, error: psycopg.Error) -> InputError:
    """Return what PostgreSQL says of a statement. No value is quoted: only messages that name things are repeated."""
    state, position = error.sqlstate or "", error.diag.statement_position
    line = said.line + (line_at(said.text, int(position) - 1) - 1 if position else 0)
    told = error.diag.message_primary or ""
    if state == "42601":
        what = "syntax error"
    elif state.startswith(_NAMES_ONLY) and told:
        what = told
    else:
        what = connect.explain(error).what
    hint = "Correct the migration, or name those before it first, each with `--migration`."
    if state == "42501":
        hint = f"It is sent as {role}, who owns most tables and is no superuser in the copy: let it do without one."
    shown = what if "SQLSTATE" in what or not state else f"{what} {reasons.state(state)}"
    return InputError(f"{said.file}:{line}: {shown}", hint=hint)


@contextmanager
def _ended_by_signals() -> Generator[None]:
    """Let SIGTERM end what is done here as Ctrl-C does, so that nothing is left behind."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
