"""Restores a dump into a scratch server and measures what it holds, with no more rights than that takes.

A dump is code: functions of checks, indexes and materialized views run while it is restored. Were it restored by a
superuser, whoever owns a table could run programs on this host (`copy .. to program`). So:

    schemas       the restorer, who owns the database and is no superuser
    extensions    a superuser, by the names in the manifest and from this host's own packages, while nothing of the dump
                  is there that could run; nothing of the dump itself is ever said by a superuser
    all the rest  the restorer again, who measures it, too: a member of each role that the dump names, none of which can
                  do anything here but own; so each object has its owner, and what its owner granted
    rights        last, as a dump has them; one that could not be given is found by the comparison

Event triggers and publications stay out of the copy: that the dump has them says its list of contents.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import TupleRow

from backups import in_parts, manifest, measure, roles, statements, structure
from backups.in_parts import LIMIT, Copy
from backups.manifest import Content, Manifest, Source
from backups.roles import Globals
from backups.structure import Structure
from backups.timings import Timings
from lifecycle import clock, progress, scratch
from lifecycle.errors import CommandFailed, LifecycleError, Refused
from lifecycle.postgres import connect, names, reasons
from lifecycle.postgres.server import Binaries, Cluster

_OURS = ("--no-security-labels", "--no-publications")

RESTORED = "restored"
"""The database of the copy."""

SUPERUSER = "lifecycle_scratch"
"""The scratch server's. Of no name that a dump has: `postgres` is there a role like any other."""

# The errors in the scratch server's log.
_STATE = re.compile(r"^([0-9A-Z]{5}) ERROR: ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a copy holds and is made of, and the list of contents of the dump it was made from."""

    tables: dict[str, Content]
    structure: Structure
    source: Source
    contents: str
    globals: Globals | None


def restore_into_scratch(
    dumped: Manifest,
    beside: Globals | None,
    binaries: Binaries,
    directory: Path,
    timings: Timings,
) -> Restored:
    """Restore the dump in `directory` into a scratch server, return what that holds, and remove the server.

    Raise CommandFailed when the dump cannot be restored, Refused when this host lacks what it takes, or when the dump
    holds what only a superuser can make.
    """
    with _server(directory, binaries, timings) as cluster:
        restorer = make_conninfo(cluster.dsn(RESTORED), user=statements.RESTORER)
        copy = Copy(cluster.binaries, directory / manifest.DATA, restorer, cluster.dsn())
        try:
            _prepare(cluster, dumped)
            with timings.phase("restore"):
                contents = _restore(copy, cluster, dumped)
            in_parts.forget_settings(copy)
            with (
                timings.phase("compare"),
                connect.connect(restorer, "backups.drill", write=False) as conn,
                conn.transaction(),
            ):
                measure.pin(conn, LIMIT)
                tables, made_of = measure.tables(conn), structure.read(conn)
                source = measure.source(conn)
            given = _empower(cluster, beside) if beside else None
            return Restored(tables, made_of, source, contents, given)
        except psycopg.Error as error:
            raise connect.explain(error) from None


@contextmanager
def one_table(
    dumped: Manifest, table: str, binaries: Binaries, directory: Path, timings: Timings
) -> Generator[str]:
    """Give the way into a scratch server that has the rows of this table, and no others; it is gone at the end.

    No key, index or trigger is made there: rows alone are wanted. Raise as `restore_into_scratch` does.
    """
    with _server(directory, binaries, timings) as cluster:
        restorer = make_conninfo(cluster.dsn(RESTORED), user=statements.RESTORER)
        copy = Copy(cluster.binaries, directory / manifest.DATA, restorer, cluster.dsn())
        try:
            _prepare(cluster, dumped)
            with timings.phase("restore"):
                _restore_one(copy, cluster, dumped, table)
            in_parts.forget_settings(copy)
        except psycopg.Error as error:
            raise connect.explain(error) from None
        yield restorer


def _restore_one(copy: Copy, cluster: Cluster, dumped: Manifest, table: str) -> None:
    lines = in_parts.lines(in_parts.pg_restore(copy.binaries, "--list", str(copy.file)))
    rest = lines.get("rest", [])
    _part(copy, cluster, lines.get("SCHEMA", []))
    _make_extensions(cluster, dumped)
    in_parts.say(copy, statements.LET_OWN)
    _part(copy, cluster, rest, "--section=pre-data")
    in_parts.forget_settings(copy)
    with connect.connect(copy.restorer, "backups.restore", write=False) as conn:
        asked = {"relation": names.sql_name(table).as_string(conn)}
        holding = conn.execute(statements.HOLDING, asked).fetchall()
    _part(copy, cluster, [line for line in rest if in_parts.has_rows_of(line, holding)])


@contextmanager
def _server(directory: Path, binaries: Binaries, timings: Timings) -> Generator[Cluster]:
    began = clock.monotonic()
    progress.phase("backups.drill: start a scratch server")
    server = scratch.cluster(directory, binaries, SUPERUSER)
    try:
        cluster = server.__enter__()
    except CommandFailed as error:  # the scratch server's trouble, not the dump's
        raise Refused(f"no scratch server: {error.what}", hint=error.hint) from None
    timings.counts["server_ms"] = round((clock.monotonic() - began) * 1000)
    try:
        yield cluster
    finally:
        server.__exit__(None, None, None)


def _prepare(cluster: Cluster, dumped: Manifest) -> None:
    """Make the database, its restorer and the roles that the dump names.

    Raise Refused when an extension or the locale is missing here.
    """
    with connect.connect(cluster.dsn(), "backups.drill", write=True) as conn:
        here = {name for (name,) in conn.execute(statements.AVAILABLE_EXTENSIONS)}
        missing = sorted(dumped.source.extensions.keys() - here)
        if missing:
            raise Refused(
                f"the PostgreSQL programs here lack {', '.join(missing)}, which the dump needs",
                hint="Install the extension's package here, or name other programs under `postgres_binaries:`.",
            )
        conn.execute(statements.CREATE_RESTORER)
        for role in dumped.source.roles:
            if conn.execute(statements.ROLE_EXISTS, {"role": role}).fetchone() is None:
                conn.execute(statements.create_role(role))
                in_parts.let_be(conn, (role,))
        _make_database(conn, dumped)


def _make_database(conn: Connection[TupleRow], dumped: Manifest) -> None:
    locale = dumped.source.locale
    if locale is None:
        raise Refused(
            "the dump does not say which locale its database had, and may be refused under another one",
            hint="`lifecycle run backups.dump` takes one that does.",
        )
    try:
        conn.execute(
            statements.create_database(
                RESTORED, dumped.source.encoding, locale, statements.RESTORER
            )
        )
    except psycopg.Error as error:
        raise Refused(
            f"the scratch server cannot have the locale {locale.name or locale.ctype} of the database: "
            f"{connect.explain(error).what}",
            hint="Install that locale on this host (`locale -a` lists them), with the ICU of the database's server.",
        ) from None


def _restore(copy: Copy, cluster: Cluster, dumped: Manifest) -> str:
    """Restore the dump in parts and return its contents: they decide what is said when, never who says it."""
    contents = in_parts.pg_restore(copy.binaries, "--list", str(copy.file))
    lines = in_parts.lines(contents)
    _part(copy, cluster, lines.get("SCHEMA", []))
    _make_extensions(cluster, dumped)
    in_parts.say(copy, statements.LET_OWN)
    _part(copy, cluster, lines.get("rest", []))
    in_parts.say(copy, statements.LET_OWN_NO_MORE)
    in_parts.part(copy, lines.get("ACL", []) + lines.get("DEFAULT ACL", []), *_OURS, strict=False)
    _part(copy, cluster, lines.get("MATERIALIZED VIEW DATA", []))
    return contents


def _part(copy: Copy, cluster: Cluster, lines: list[str], *flags: str) -> None:
    """Restore these lines of the dump's table of contents. Raise as `restore_into_scratch` does."""
    logged = cluster.log.stat().st_size
    ended = in_parts.part(copy, lines, *_OURS, *flags)
    if not ended.well:
        log = cluster.log.read_bytes()[logged:].decode(errors="replace")
        raise _stopped(log, None if ended.at is None else in_parts.named(lines[ended.at]))


def _stopped(log: str, found: str | None) -> LifecycleError:
    """Return why the restore ended: at which entry and by which error, the first of what the server logged meanwhile.

    The first, as pg_restore cancels what its session may still be doing before it leaves (its DisconnectDatabase).
    The text is code's of the dump and may quote a row: of it nothing is taken but a number of an entry and a SQLSTATE.
    """
    states = _STATE.findall(log)
    where = f" at {found}" if found else ""
    what = f"the restore ended{where}" + (f" {reasons.state(states[0])}" if states else "")
    if states and states[0] == InsufficientPrivilege.sqlstate:
        return Refused(
            f"the dump holds what only a superuser restores, and a drill is none: {what}",
            hint="Restore it by hand, on a host that you would let the owners of its tables onto.",
        )
    return CommandFailed(
        what,
        hint="The message may quote a row, and is not kept: restore the dump by hand to read it.",
    )


def _empower(cluster: Cluster, beside: Globals) -> Globals:
    """Give the roles what they had in the source's server, and return what this one has then.

    Last of all: nothing of the dump runs any more, and nobody comes in by what is set for them.
    """
    ours = frozenset({SUPERUSER, statements.RESTORER})
    with connect.connect(cluster.dsn(), "backups.drill", write=True) as conn:
        there = roles.read(conn, RESTORED).roles.keys()
        roles.make(conn, beside, frozenset(there))
        roles.empower(conn, beside, RESTORED, ours)
        return roles.read(conn, RESTORED, ours)


def _make_extensions(cluster: Cluster, dumped: Manifest) -> None:
    """Make the extensions of the source, from this host's packages, and let the restorer use them.

    He may fill their tables, whose rows a dump can carry. He may not use what reaches other servers: their volatile
    functions (dblink) and their foreign-data wrappers. A dump whose restore needs these could not be verified.
    """
    with connect.connect(cluster.dsn(RESTORED), "backups.drill", write=True) as conn:
        for name, schema in dumped.source.extension_schemas.items():
            try:
                conn.execute(statements.create_extension(name, schema))
            except psycopg.Error as error:
                raise Refused(
                    f"extension {name} cannot be made in the scratch server: {connect.explain(error).what}",
                    hint="Install the version of the database's server here, and what it needs.",
                ) from None
        in_parts.let_fill(conn)
        conn.execute(statements.SHUT_IN)
