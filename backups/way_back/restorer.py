"""Has rows restored by a login that is no superuser: `lifecycle_restorer`.

Code that a table's owner wrote (of a check, a generated column, a domain, an index, a key, a view with rows) runs while
its rows come. So all of a dump is restored by a login that owns the database and is a member of the dump's roles, which
can do nothing yet. A superuser makes what only he can, of which nothing runs then: extensions, functions in C, event
triggers and the like; and gives rights. What is the superuser's own is the restorer's until all has run.

As the restorer that code may do anything to what others own. So the same dump is restored twice, first without rows,
and `as_dumped.py` compares the two. What it set for roles, their passwords above all, is taken from them at last.
"""

import re
import secrets
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from backups import in_parts, roles, statements_of_roles
from backups import statements as of_room
from backups.in_parts import Copy
from backups.manifest import Manifest
from backups.roles import Globals
from backups.way_back import as_dumped, statements, there
from backups.way_back.as_dumped import Told
from backups.way_back.statements import BARE, RESTORING
from lifecycle.errors import CommandFailed, LifecycleError, Refused
from lifecycle.postgres import connect
from lifecycle.postgres.server import Binaries

# What a superuser makes where the restorer may not. Making it runs nothing that somebody else wrote.
_ALONE = (
    *("FUNCTION", "PROCEDURE", "AGGREGATE", "SHELL TYPE", "TYPE", "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY"),
    *("CAST", "TRANSFORM", "PROCEDURAL LANGUAGE", "ACCESS METHOD", "TEXT SEARCH PARSER", "TEXT SEARCH TEMPLATE"),
    *("FOREIGN DATA WRAPPER", "SERVER", "USER MAPPING", "FOREIGN TABLE", "COMMENT"),
)  # fmt: skip

# But these: a domain checks an aggregate's first state, and what a literal of a composite type or an array holds, as
# soon as it is read; a validator of the dump's own checks whatever is made by it. Types of PostgreSQL's own stand
# without a schema.
_LITERAL = re.compile(r"""'::("([^"]|"")+"|\w+)\.""")
_RUNS = {
    "FUNCTION": _LITERAL,
    "PROCEDURE": _LITERAL,
    "FOREIGN TABLE": _LITERAL,
    "AGGREGATE": re.compile(r"INITCOND = "),
    "FOREIGN DATA WRAPPER": re.compile(r" VALIDATOR \S+\."),
    "PROCEDURAL LANGUAGE": re.compile(r" VALIDATOR \S+\."),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The dump, what lay beside it, its file, and who owns or was granted something in it, but for the superuser.

    `admin`: how he comes in; `me`: his name.
    """

    dumped: Manifest
    beside: Globals | None
    owners: tuple[str, ...]
    admin: str
    me: str
    binaries: Binaries
    file: Path


@contextmanager
def restorer(conn: Connection[TupleRow], chosen: Wanted) -> Generator[None]:
    """Make whom it is restored by, and the roles; whatever happens he is gone then.

    He comes first and goes last: by him, too, the next try knows what one that was killed has left.
    """
    conn.execute(statements.MAKE_RESTORER)
    try:
        _make_roles(conn, chosen)
        yield
        shut_out(conn)
        conn.execute(statements.DROP_RESTORER)
        conn.execute(statements_of_roles.limit_database(RESTORING, 0))
    except BaseException:
        with suppress(psycopg.Error):
            _leave_nothing(conn, chosen)
            conn.execute(statements.DROP_RESTORER)
        raise


def _leave_nothing(conn: Connection[TupleRow], chosen: Wanted) -> None:
    for database in (BARE, RESTORING):
        conn.execute(statements.drop(database))
    for role in chosen.owners:
        conn.execute(statements.drop_role(role))


def _make_roles(conn: Connection[TupleRow], chosen: Wanted) -> None:
    """Make them anew: what an earlier try gave them is gone."""
    _leave_nothing(conn, chosen)
    for role in chosen.owners:
        conn.execute(statements_of_roles.create_role(role))
    in_parts.let_be(conn, chosen.owners)
    if chosen.beside is not None:
        roles.make(conn, chosen.beside, there.look(conn).roles)


def tell_bare(conn: Connection[TupleRow], chosen: Wanted) -> Told:
    """Make a database of the dump, but for rows and what is made of them; return what it is made of, and drop it.

    Raise as `let_in` and `restore`.
    """
    copy = let_in(conn, chosen, BARE)
    contents = restore(copy, chosen, rows=False)
    hand_over(conn, copy, chosen, contents)
    found = as_dumped.told(copy)
    conn.execute(statements.drop(BARE))
    return found


def let_in(conn: Connection[TupleRow], chosen: Wanted, database: str = RESTORING) -> Copy:
    """Make the database, empty, which nobody enters but he, by a password that nobody has seen.

    Raise Refused where the server does not let him in.
    """
    source = chosen.dumped.source
    assert source.locale is not None  # else the plan refuses
    conn.execute(
        of_room.create_database(database, source.encoding, source.locale, of_room.RESTORER)
    )
    conn.execute(statements.close(database))
    password, name = secrets.token_urlsafe(32), of_room.RESTORER
    kept = conn.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
    conn.execute(statements.let_in(kept.decode()))
    inside = make_conninfo(chosen.admin, dbname=database, user=name, password=password)
    try:
        connect.connect(inside, "backups.restore", write=True).close()
    except LifecycleError as error:
        raise Refused(
            f"the server does not let {name} in, who restores without a superuser's rights: {error.what}",
            hint=f"Let it in with a password, by a line in its pg_hba.conf above the others, for one "
            f"`host {RESTORING},{BARE} {name} samehost scram-sha-256`, and reload: it is there while it restores.",
        ) from None
    return Copy(chosen.binaries, chosen.file, inside, chosen.admin)


def shut_out(conn: Connection[TupleRow], ours: int = 0) -> None:
    """Let him in no more, and end whatever goes on in his name, but for the backend `ours`."""
    conn.execute(statements.SHUT_OUT)
    conn.execute(statements.END_RESTORER, {"ours": ours})


def restore(copy: Copy, chosen: Wanted, *, rows: bool) -> str:
    """Restore all that runs code, and then what does not; return the contents."""
    contents = in_parts.pg_restore(copy.binaries, "--list", str(copy.file))
    lines = in_parts.lines(contents)
    _by_owner(copy, lines.get("SCHEMA", []), lines, chosen, rows=rows)
    _as_superuser(copy, lines.get("EXTENSION", []))
    with closing(connect.connect(copy.inside, "backups.restore", write=True)) as within:
        in_parts.let_fill(within)
    in_parts.say(copy, of_room.LET_OWN)
    _by_owner(copy, lines.get("rest", []), lines, chosen, rows=rows)
    if rows:
        _by_owner(copy, lines.get("MATERIALIZED VIEW DATA", []), lines, chosen, rows=rows)
    in_parts.say(copy, of_room.LET_OWN_NO_MORE)
    return contents


def hand_over(conn: Connection[TupleRow], copy: Copy, chosen: Wanted, contents: str) -> None:
    """Give the superuser what is his, now that all has run, and then give everybody his rights."""
    shut_out(conn)
    in_parts.forget_settings(copy)
    conn.execute(statements.close(copy.name))
    _forget(conn, chosen)
    with closing(connect.connect(copy.inside, "backups.restore", write=True)) as within:
        for statement in statements.HAND_OVER:
            within.execute(statement)
    lines = in_parts.lines(contents)
    for kind in ("ACL", "DEFAULT ACL", "SECURITY LABEL", "PUBLICATION"):
        _as_superuser(copy, lines.get(kind, []))


def _forget(conn: Connection[TupleRow], chosen: Wanted) -> None:
    """Take from the roles what code of the dump, which may act in their name, can have set for them."""
    asked = {"roles": list(chosen.owners)}
    for role, database in conn.execute(statements.SETTINGS, asked).fetchall():
        conn.execute(statements.forget_setting(role, database))
    for role in chosen.owners:
        conn.execute(statements.forget_password(role))


def make_event_triggers(copy: Copy, contents: str) -> None:
    """Make them, last of all: from now on their functions, which are as dumped, run for a superuser, too."""
    _as_superuser(copy, in_parts.lines(contents).get("EVENT TRIGGER", []))


def _by_owner(
    copy: Copy, some: list[str], every: dict[str, list[str]], chosen: Wanted, *, rows: bool
) -> None:
    """Restore some lines as the restorer, in their order; what is the superuser's stays his for now."""
    flags = () if rows else ("--schema-only",)
    for mine, together in groupby(some, lambda line: _is_mine(line, chosen)):
        not_given = ("--no-owner",) if mine else ()
        _by_restorer(copy, list(together), every.get("ACL", []), (*flags, *not_given))


def _is_mine(line: str, chosen: Wanted) -> bool:
    """Say whether it ends with the superuser's name, and not with one that ends so: a name may have blanks in it."""
    others = (f" {name}" for name in chosen.owners if name.endswith(f" {chosen.me}"))
    return line.endswith(f" {chosen.me}") and not line.endswith(tuple(others))


def _by_restorer(copy: Copy, lines: list[str], rights: list[str], flags: tuple[str, ...]) -> None:
    while lines:
        ended = in_parts.part(copy, lines, *flags)
        if ended.well:
            return
        line = None if ended.at is None else lines[ended.at]
        kind = next((kind for kind in _ALONE if line and _is(kind, line)), None)
        if line is None or ended.at is None or kind is None or _runs(copy, kind, line):
            raise _stopped(line)
        # With its rights: else everybody might call meanwhile what a superuser has kept from them.
        named = line.partition(f" {kind} ")[2]
        schema, _, tag = named.partition(" ")
        _as_superuser(
            copy,
            [line, *(right for right in rights if right.endswith(f" ACL {schema} {kind} {tag}"))],
        )
        lines = lines[ended.at + 1 :]


def _runs(copy: Copy, kind: str, line: str) -> bool:
    """Say whether making this may run something of the dump."""
    if kind not in _RUNS:
        return False
    listed = copy.file.with_name("entry")
    listed.write_text(line, encoding="utf-8")
    said = in_parts.pg_restore(copy.binaries, f"--use-list={listed}", "--file=-", str(copy.file))
    return _RUNS[kind].search(_without_body(said)) is not None


def _without_body(said: str) -> str:
    """Return it without the text of a function, which is not read when that is made, or with a part of it."""
    # The last: where it stands within the text, too, all that comes before the text is in what is left.
    end = -1 if "BEGIN ATOMIC" in said else said.rfind("\n    AS ")
    return said if end < 0 else said[:end]


def _is(kind: str, line: str) -> bool:
    return line.split(" ", 3)[3].startswith(f"{kind} ")


def _as_superuser(copy: Copy, lines: list[str]) -> None:
    ended = in_parts.part(copy, lines, by=copy.inside)
    if not ended.well:
        raise _stopped(None if ended.at is None else lines[ended.at])


def _stopped(line: str | None) -> CommandFailed:
    where = f" at {in_parts.named(line)}" if line else ""
    return CommandFailed(
        f"pg_restore ended with an error{where}",
        hint="Its message may quote a row, and is not kept: restore the dump by hand, on a host that you would let the "
        "owners of its tables onto, to read it.",
    )
