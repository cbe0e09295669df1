"""Copies the schema of a database into a scratch server: owners and grants as there, and no row.

A schema is code: functions of indexes and checks run while it is restored. Were it restored by a superuser, whoever
owns a table could run programs on this machine. So a superuser makes roles, extensions and the database, and all the
rest is said by a role that is a member of every owner and nothing more. No role of the source is a superuser here, and
none may use what reaches other servers: user mappings, event triggers, publications and subscriptions stay out.
"""

import os
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from lifecycle import scratch
from lifecycle.errors import CommandFailed, NotFound, Refused
from lifecycle.migration import statements
from lifecycle.outside import commands
from lifecycle.postgres import connect, reasons
from lifecycle.postgres.server import Binaries, Cluster
from lifecycle.settings.model import Settings

PREFIX = "lifecycle-migration-"
LIMIT = timedelta(minutes=30)
"""How long a schema may take to be read or restored."""

# A line of `pg_restore --list`: its number, two oids, what it is.
_IS = re.compile(
    r"\d+; \d+ \d+ (?:COMMENT - )?"
    r"(SCHEMA|EXTENSION|EVENT TRIGGER|USER MAPPING|PUBLICATION|SUBSCRIPTION|SECURITY LABEL|ACL|DEFAULT ACL)\b"
)
_AT = re.compile(r"pg_restore: from TOC entry (\d+);")
_STATE = re.compile(r"^([0-9A-Z]{5}) ERROR: ", re.MULTILINE)


# What the driver reads as libpq does, but for the password, which stands in a file.
_OURS = re.compile(
    r"PG(HOST|HOSTADDR|PORT|DATABASE|USER|PASSFILE|SERVICE|SERVICEFILE|SSL\w+|GSS\w+|KRB\w+)$"
)


@dataclass(frozen=True, slots=True)
class Source:
    """What a server needs before it can take the schema."""

    database: str
    owner: str
    encoding: str
    roles: tuple[str, ...]
    members: tuple[tuple[str, str], ...]
    extensions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """A running copy. `complete`: all grants could be repeated."""

    cluster: Cluster
    database: str
    complete: bool

    def as_(self, role: str) -> str:
        """Return how a role reaches it."""
        return self.cluster.dsn(self.database, user=role)


@contextmanager
def copied(conn: Connection[TupleRow], info: str, machine: Settings) -> Generator[Copy]:
    """Give a copy of the schema of the database that is connected by `info`, and remove it at the end.

    Raise Refused when this machine lacks the programs or an extension, or the schema holds what only a superuser makes;
    CommandFailed when pg_dump fails, as it does without the right to read a table.
    """
    source = _source(conn)
    binaries = _programs(conn, machine)
    scratch.sweep(machine, PREFIX, binaries)
    with scratch.directory(machine, PREFIX) as directory:
        file = directory / "schema"
        _dump(binaries, info, conn.info.password, file)
        with scratch.cluster(directory, binaries) as cluster:
            try:
                _make_roles(cluster, source)
                complete = _restore(cluster, source, file)
            except psycopg.Error as error:
                raise connect.explain(error) from None
            yield Copy(cluster, source.database, complete)


def _source(conn: Connection[TupleRow]) -> Source:
    [(database, owner, encoding)] = conn.execute(statements.SOURCE).fetchall()
    return Source(
        database,
        owner,
        encoding,
        tuple(name for (name,) in conn.execute(statements.ROLES)),
        tuple((role, member) for role, member in conn.execute(statements.MEMBERS)),
        tuple((name, schema) for name, schema in conn.execute(statements.EXTENSIONS)),
    )


def _programs(conn: Connection[TupleRow], machine: Settings) -> Binaries:
    """Return programs of the server's major version or a newer one."""
    major = conn.info.server_version // 10000
    try:
        return scratch.programs(machine, at_least=major)
    except NotFound as error:
        raise Refused(
            f"the server is PostgreSQL {major}, and no programs of version {major} or newer for a copy are here",
            hint=error.hint,
        ) from None


def _dump(binaries: Binaries, info: str, password: str, file: Path) -> None:
    """Have pg_dump write the schema. It may be older than our driver, so it is told no more than we were."""
    info = make_conninfo(info, **({"password": password} if password else {}))
    told = {name: value for name, value in os.environ.items() if _OURS.match(name)}
    with commands.libpq(info, file.parent) as (dsn, secret):
        commands.run(
            (
                str(binaries.tool("pg_dump")),
                *("--schema-only", "--format=custom", "--lock-wait-timeout=60s", "--no-password"),
                *("--no-tablespaces", f"--file={file}", f"--dbname={dsn}"),
            ),
            env=told | secret | {"PGAPPNAME": "lifecycle policy"},
            limit=LIMIT,
        )


def _oversee(cluster: Cluster, database: str) -> Connection[TupleRow]:
    dsn = cluster.dsn(database, user=statements.OVERSEER)
    return connect.connect(dsn, "policy.migration", write=True)


def _make_roles(cluster: Cluster, source: Source) -> None:
    """Make the roles and the database. Raise Refused when an extension is not on this machine."""
    with connect.connect(cluster.dsn("template1"), "policy.migration", write=True) as conn:
        here = {name for (name,) in conn.execute(statements.AVAILABLE)}
        missing = sorted({name for name, _ in source.extensions} - here)
        if missing:
            raise Refused(
                f"the PostgreSQL programs on this machine lack {', '.join(missing)}, which the database has",
                hint="Install the extension's package here, or name other programs under `postgres_binaries:`.",
            )
        conn.execute(statements.MAKE_OVERSEER)
    with _oversee(cluster, "template1") as conn:
        conn.execute(statements.HIDE_FIRST)
        conn.execute(statements.MAKE_COPIER)
        for role in source.roles:
            conn.execute(statements.make_role(role))
            conn.execute(statements.make_member(role, statements.COPIER))
        for role, member in source.members:
            conn.execute(statements.make_member(role, member))
        conn.execute(statements.drop_database(source.database))
        conn.execute(
            statements.make_database(source.database, source.owner, source.encoding),
        )


def _restore(cluster: Cluster, source: Source, file: Path) -> bool:
    """Restore the schema in parts; say whether all grants could be repeated."""
    entries = dict[str, list[str]]()
    listed = commands.run(
        (str(cluster.binaries.tool("pg_restore")), "--list", str(file)), env={}, limit=LIMIT
    )
    # Cut at line feeds only: pg_restore takes these out of names, and no other of Unicode's ends of a line.
    for line in listed.stdout.split("\n"):
        if line and not line.startswith(";"):
            what = _IS.match(line)
            kind = what[1].removeprefix("DEFAULT ") if what else "rest"
            entries.setdefault(kind, []).append(line)
    copier = cluster.dsn(source.database, user=statements.COPIER)
    _must(cluster, copier, file, entries.get("SCHEMA", []))
    with _oversee(cluster, source.database) as conn:
        _make_extensions(conn, source)
        _let_create(conn, source, allowed=True)
    _must(cluster, copier, file, entries.get("rest", []))
    with _oversee(cluster, source.database) as conn:
        _let_create(conn, source, allowed=False)
        conn.execute(statements.SHUT_IN)
    return _part(cluster, copier, file, entries.get("ACL", []), "--verbose") is None


def _make_extensions(conn: Connection[TupleRow], source: Source) -> None:
    for name, schema in source.extensions:
        try:
            conn.execute(statements.make_extension(name, schema))
        except psycopg.Error as error:
            raise Refused(
                f"extension {name} cannot be made in the scratch server: {connect.explain(error).what}",
                hint="Install the version of the database's server here, and what it needs.",
            ) from None
    for (wrapper,) in conn.execute(statements.WRAPPERS).fetchall():
        for role in (*source.roles, statements.COPIER):
            conn.execute(statements.let_use(wrapper, role))


def _let_create(conn: Connection[TupleRow], source: Source, *, allowed: bool) -> None:
    """Let every role own things in every schema, or take that back: grants come last, after what is owned."""
    for schema, owner in conn.execute(statements.SCHEMAS).fetchall():
        for role in (*source.roles, statements.COPIER):
            if role != owner:
                conn.execute(statements.let_create(schema, role, allowed=allowed))


def _must(cluster: Cluster, dsn: str, file: Path, entries: Sequence[str]) -> None:
    said = _part(cluster, dsn, file, entries, "--verbose", "--exit-on-error")
    if said is None:
        return
    # The text is code's of the schema: of it nothing is taken but a number of an entry and a SQLSTATE.
    numbers = tuple(f"{number};" for number in _AT.findall(said)[:1])
    at = [e.split(" ", 3)[3].rpartition(" ")[0] for e in entries if e.startswith(numbers)]
    states = _STATE.findall(cluster.log.read_text(encoding="utf-8", errors="replace"))
    where = f" at {at[0]}" if at and numbers else ""
    what = f"the copy of the schema ended{where}" + (
        f" {reasons.state(states[-1])}" if states else ""
    )
    if states and states[-1] == "42501":
        raise Refused(
            f"{what}: only a superuser makes that, and the copy is made by none",
            hint="Check the policy after the migration instead, against a database that was migrated.",
        )
    raise CommandFailed(
        what, hint="Restore `pg_dump --schema-only` by hand to read what PostgreSQL says."
    )


def _part(cluster: Cluster, dsn: str, file: Path, entries: Sequence[str], *how: str) -> str | None:
    """Restore these lines of the table of contents; return what pg_restore said where not all could be."""
    if not entries:
        return None
    listed = file.with_name("entries")
    listed.write_text("\n".join(entries), encoding="utf-8")
    program = str(cluster.binaries.tool("pg_restore"))
    words = (*how, "--no-tablespaces", f"--use-list={listed}", f"--dbname={dsn}", str(file))
    ended = commands.attempt((program, *words), env={}, limit=LIMIT)
    return ended.stderr_tail if ended.exit_code else None
