"""What of a server a database needs beside itself: roles, their memberships and settings, and who may enter it.

A dump does not carry them. They lie beside it as `roles.json`, without any password, and the manifest knows their
digest. No text of theirs is ever said to a server as it stands: each statement is made here, of names and values.
"""

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Annotated

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow
from pydantic import Field, ValidationError

from backups import statements_of_roles as statements
from backups.part import Part
from backups.structure import HINT
from lifecycle.errors import Unproven
from lifecycle.outcome import Failure

NAME = "roles.json"

# Settings that are lists of names: each is kept in quotes, and must be said one by one.
_LISTS = (
    *("search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries"),
    *("shared_preload_libraries", "unix_socket_directories"),
)
_ENTRY = re.compile(r'"((?:[^"]|"")*)"|([^",\s][^,]*)')
_DEFAULTS = ("superuser", "inherit", "create_role", "create_database", "login", "replication")


class Role(Part):
    """What a role may do in the whole server. `connections`: -1 is no limit."""

    superuser: bool
    inherit: bool
    create_role: bool
    create_database: bool
    login: bool
    replication: bool
    bypass_row_security: bool
    connections: int
    valid_until: str | None


class Membership(Part):
    """Who is a member of whom. Whether he inherits and may set the role is the membership's since PostgreSQL 16."""

    role: str
    member: str
    admin: bool
    inherits: bool | None
    sets: bool | None


class Setting(Part):
    """What is set for a role (or all), in this database (or all)."""

    here: bool
    role: str | None
    name: str
    value: str


class Right(Part):
    """What somebody, or everybody (an empty name), may do with the database as a whole."""

    grantee: str
    right: str
    grantable: bool


class Globals(Part):
    """All of it, as it was in the dump's snapshot. `key`: that of the manifest's digests (hex), where they have one."""

    roles: dict[str, Role]
    memberships: tuple[Membership, ...]
    settings: tuple[Setting, ...]
    owner: str
    connections: int
    rights: tuple[Right, ...]
    key: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$", repr=False)] = None

    def to_json(self) -> bytes:
        """Return it as it is stored."""
        return self.model_dump_json(indent=1).encode()

    @property
    def digest(self) -> str:
        """Return its SHA-256 (hex) as it is stored."""
        return sha256(self.to_json()).hexdigest()


def parse(text: bytes, digest: str, key: str) -> Globals:
    """Return what is stored under `key`. Raise Unproven unless it is what the manifest speaks of."""
    try:
        if sha256(text).hexdigest() == digest:
            return Globals.model_validate_json(text)
    except ValidationError:
        pass
    raise Unproven(
        f"{key} is not the file its manifest speaks of",
        hint="It was altered or damaged in the bucket: take a new dump, and see who may write there.",
    )


def read(
    conn: Connection[TupleRow], database: str, without: frozenset[str] = frozenset()
) -> Globals:
    """Return what this server has for the database, leaving out some of its roles."""
    asked = {"database": database}
    owner = conn.execute(statements.DATABASE, asked).fetchone()
    assert owner is not None
    named = tuple(Role.model_fields)
    roles = conn.execute(statements.ROLES).fetchall()
    members = conn.execute(statements.MEMBERSHIPS).fetchall()
    settings = conn.execute(statements.SETTINGS, asked).fetchall()
    rights = conn.execute(statements.ENTERING, asked).fetchall()
    return Globals(
        roles={
            name: Role.model_validate(dict(zip(named, has, strict=True)))
            for name, *has in roles
            if name not in without
        },
        memberships=tuple(
            Membership(role=role, member=member, admin=admin, inherits=inherits, sets=sets)
            for role, member, admin, inherits, sets in members
            if not {role, member} & without
        ),
        settings=tuple(
            Setting(here=here, role=role, name=name, value=value)
            for here, role, name, value in settings
            if role not in without
        ),
        owner=owner[0],
        connections=owner[1],
        rights=tuple(
            Right(grantee=grantee, right=right, grantable=grantable)
            for grantee, right, grantable in rights
        ),
    )


def make(conn: Connection[TupleRow], wanted: Globals, there: frozenset[str]) -> None:
    """Make the roles that are not there, able to do nothing yet: they own and are granted before they may act."""
    for role in wanted.roles.keys() - there:
        conn.execute(statements.create_role(role))


def empower(
    conn: Connection[TupleRow], wanted: Globals, database: str, without: frozenset[str]
) -> None:
    """Give roles and database what they had. What this server cannot do is left: whoever compares finds it."""
    for statement in _said(wanted, database, without):
        try:
            with conn.transaction():
                conn.execute(statement)
        except psycopg.DatabaseError:
            if conn.closed:
                raise


def _said(wanted: Globals, database: str, without: frozenset[str]) -> Iterator[sql.Composed]:
    for name, role in wanted.roles.items():
        if name not in without:
            words = [
                statements.word(field, has=bool(getattr(role, field)))
                for field in (*_DEFAULTS, "bypass_row_security")
            ]
            yield statements.alter_role(name, words, role.connections, role.valid_until)
    for held in wanted.memberships:
        yield statements.grant_role(
            held.role, held.member, admin=held.admin, inherits=held.inherits, sets=held.sets
        )
    yield statements.own_database(database, wanted.owner)
    yield statements.limit_database(database, wanted.connections)
    yield statements.close_database(database, wanted.owner)
    for right in wanted.rights:
        yield statements.let_enter(database, right.right, right.grantee, grantable=right.grantable)
    for setting in wanted.settings:
        here = database if setting.here else None
        yield statements.set_for(setting.role, here, setting.name, _values(setting))


def _values(setting: Setting) -> list[str]:
    if setting.name not in _LISTS:
        return [setting.value]
    entries = _ENTRY.findall(setting.value)
    return [quoted.replace('""', '"') or plain.strip() for quoted, plain in entries] or [""]


def differences(wanted: Globals, found: Globals) -> Iterator[Failure]:
    """Yield a failure for each role, membership, setting or right that is not as it was, or is there besides.

    Values are never named.
    """
    for name, role in wanted.roles.items():
        now = found.roles.get(name)
        if now is None or _forever(now) != _forever(role):
            yield Failure(f"role {name}", "is not as it was dumped", HINT)
    for held in wanted.memberships:
        if held not in found.memberships:
            what = f"is not a member of {held.role} as it was dumped"
            yield Failure(f"role {held.member}", what, HINT)
    for setting in wanted.settings:
        if setting not in found.settings:
            whose = f"role {setting.role}" if setting.role else "every role"
            yield Failure(whose, f"has not {setting.name} set as it was dumped", HINT)
    yield from _besides(wanted, found)
    mine, theirs = (
        one.model_copy(update={"roles": {}, "memberships": (), "settings": (), "key": None})
        for one in (wanted, found)
    )
    if mine != theirs:
        yield Failure("database", "owner, limit or rights on it are not as dumped", HINT)


def _besides(wanted: Globals, found: Globals) -> Iterator[Failure]:
    """Yield what roles of the dump, or the database, have now and had not: it would guide whoever logs in next."""
    names = {(setting.here, setting.role, setting.name) for setting in wanted.settings}
    for setting in found.settings:
        theirs = setting.role in wanted.roles or (setting.here and setting.role is None)
        if theirs and (setting.here, setting.role, setting.name) not in names:
            whose = f"role {setting.role}" if setting.role else "every role"
            yield Failure(whose, f"has {setting.name} set, which was not dumped", HINT)
    pairs = {(held.role, held.member) for held in wanted.memberships}
    for held in found.memberships:
        both = {held.role, held.member} <= wanted.roles.keys()
        if both and (held.role, held.member) not in pairs:
            what = f"is a member of {held.role}, which was not dumped"
            yield Failure(f"role {held.member}", what, HINT)


def _forever(role: Role) -> Role:
    """Return the role with one spelling for a password that never ends."""
    return role.model_copy(update={"valid_until": None}) if role.valid_until == "infinity" else role
