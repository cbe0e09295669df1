"""Restores a dump part by part, each by who has just the rights for it.

What a line of a dump's contents is decides when it is said. Who says the rest of a dump, its rows above all, is the
restorer: no superuser, and a member of the roles that own things. Between two parts nothing stays that code of the dump
set for the next session.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from backups import statements
from lifecycle.outside import commands
from lifecycle.postgres import connect
from lifecycle.postgres.server import Binaries

LIMIT = timedelta(hours=8)
"""How long a restore may take in all; a logical one takes several times as long as the dump."""

# A line of `pg_restore --list`: its number, two oids, what it is. Nobody but pg_dump writes that far to the left.
_IS = re.compile(
    r"\d+; \d+ \d+ (?:COMMENT - )?"
    r"(SCHEMA|EXTENSION|EVENT TRIGGER|PUBLICATION|SECURITY LABEL|DEFAULT ACL|ACL|MATERIALIZED VIEW DATA) "
)
# What pg_restore says of where it was.
_AT = re.compile(r"pg_restore: from TOC entry (\d+);")


@dataclass(frozen=True, slots=True)
class Copy:
    """The file of a dump, and the database it comes into: as the restorer enters it, and beside it as a superuser."""

    binaries: Binaries
    file: Path
    restorer: str
    beside: str

    @property
    def name(self) -> str:
        """Return what the database is called."""
        return str(conninfo_to_dict(self.restorer)["dbname"])

    @property
    def inside(self) -> str:
        """Return how the superuser enters it."""
        return make_conninfo(self.beside, dbname=self.name)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a part ended: well, or at which of its lines, if pg_restore said that."""

    well: bool
    at: int | None


def pg_restore(binaries: Binaries, *arguments: str) -> str:
    """Run pg_restore and return what it printed. Raise CommandFailed when it fails, as it does for a torn dump."""
    program = str(binaries.tool("pg_restore"))
    return commands.run((program, *arguments), env={}, limit=LIMIT).stdout


def lines(listed: str) -> dict[str, list[str]]:
    """Return the lines of the contents by what they are; `rest` has all that needs no hour of its own."""
    found = dict[str, list[str]]()
    # Cut at line feeds only: pg_restore takes these out of names, and no other of Unicode's ends of a line.
    for line in listed.split("\n"):
        if line and not line.startswith(";"):
            what = _IS.match(line)
            found.setdefault(what[1] if what else "rest", []).append(line)
    return found


def forget_settings(copy: Copy) -> None:
    """Undo what code of the dump set for the next session: it could end it before it begins, or lead a superuser."""
    with connect.connect(copy.beside, "backups.restore", write=True) as conn:
        for statement in statements.forget_settings(copy.name):
            conn.execute(statement)


def say(copy: Copy, *said: sql.SQL) -> None:
    """Say this as the restorer."""
    forget_settings(copy)
    with connect.connect(copy.restorer, "backups.restore", write=True) as conn:
        for statement in said:
            conn.execute(statement)


def part(
    copy: Copy, wanted: list[str], *flags: str, by: str | None = None, strict: bool = True
) -> Ended:
    """Restore these lines, as the restorer or by this connection.

    Not `strict`: go on after what cannot be said. Whoever compares finds what is missing then.
    """
    if not wanted:
        return Ended(well=True, at=None)
    forget_settings(copy)
    listed = copy.file.with_name("entries")
    listed.write_text("\n".join(wanted), encoding="utf-8")
    with commands.libpq(by or copy.restorer, copy.file.parent) as (dsn, secret):
        ended = commands.attempt(
            (
                str(copy.binaries.tool("pg_restore")),
                *(("--exit-on-error", "--verbose") if strict else ()),
                *("--no-tablespaces", "--no-subscriptions", "--no-password", *flags),
                f"--use-list={listed}",
                f"--dbname={dsn}",
                str(copy.file),
            ),
            env=secret | {"PGAPPNAME": "lifecycle backups.restore"},
            limit=LIMIT,
        )
    return Ended(ended.exit_code == 0 or not strict, _place(wanted, ended.stderr_tail))


def _place(wanted: list[str], said: str) -> int | None:
    numbers = tuple(f"{number};" for number in _AT.findall(said)[:1])
    return next((n for n, line in enumerate(wanted) if numbers and line.startswith(numbers)), None)


def has_rows_of(line: str, relations: Iterable[tuple[str, ...]]) -> bool:
    """Say whether a line is of the rows of one of these relations, each a schema and a name."""
    what = line.split(" ", 3)[3]
    spelled = (" ".join(one).replace("\n", " ").replace("\r", " ") for one in relations)
    return any(what.startswith(f"TABLE DATA {name} ") for name in spelled)


def named(line: str) -> str:
    """Return what a line of the contents names, for a person."""
    return line.split(" ", 3)[3].rpartition(" ")[0]


def let_fill(conn: Connection[TupleRow]) -> None:
    """Let the restorer fill the tables of extensions, whose rows a dump can carry."""
    for schema, relation, sequence in conn.execute(statements.EXTENSION_RELATIONS).fetchall():
        conn.execute(statements.let_fill(schema, relation, sequence=sequence))


def let_be(conn: Connection[TupleRow], roles: Iterable[str]) -> None:
    """Let the restorer make things in the name of these roles, none of which may be able to do anything."""
    for role in roles:
        conn.execute(statements.let_be(role))
