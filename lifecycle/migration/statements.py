"""What a rehearsal asks the database it copies, and what it says to the scratch server."""

from typing import LiteralString

from psycopg import sql

SOURCE: LiteralString = """
    select current_database(), pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding)
      from pg_database d where d.datname = current_database()
"""

# PostgreSQL's own roles are there on every server.
ROLES: LiteralString = "select rolname from pg_roles where rolname !~ '^pg_' order by 1"
# Those let run programs and read files on a server, which here is the machine of whoever asks.
MEMBERS: LiteralString = """
    select pg_get_userbyid(roleid), pg_get_userbyid(member) from pg_auth_members
     where pg_get_userbyid(roleid) !~ '^pg_' and pg_get_userbyid(member) !~ '^pg_' order by 1, 2
"""

# As they were made: one that needs another comes after it.
EXTENSIONS: LiteralString = """
    select e.extname, n.nspname
      from pg_extension e join pg_namespace n on n.oid = e.extnamespace order by e.oid
"""
AVAILABLE: LiteralString = "select name from pg_available_extensions"

OVERSEER = "lifecycle_overseer"
"""Who makes roles, extensions and the database (scratch server only). Says nothing of the schema's or a migration's."""

COPIER = "lifecycle_copier"
"""Who restores the schema (scratch server only): member of every owner, and no superuser."""

# The first superuser's name may be that of an owner, who is none here.
MAKE_OVERSEER: LiteralString = "create role lifecycle_overseer superuser login"
HIDE_FIRST: LiteralString = "alter role postgres rename to lifecycle_first"
MAKE_COPIER: LiteralString = "create role lifecycle_copier login nosuperuser"

SCHEMAS: LiteralString = """
    select nspname, pg_get_userbyid(nspowner) from pg_namespace
     where nspname !~ '^pg_' and nspname <> 'information_schema' order by 1
"""
WRAPPERS: LiteralString = "select fdwname from pg_foreign_data_wrapper"

# What reaches other servers: a migration could else write into the very database that was copied.
SHUT_IN: LiteralString = """
    do $$
    declare called text;
    begin
        for called in
            select p.oid::pg_catalog.regprocedure::text
              from pg_catalog.pg_depend d join pg_catalog.pg_proc p on p.oid = d.objid
              join pg_catalog.pg_extension e on e.oid = d.refobjid
             where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.deptype = 'e' and e.extname = 'dblink'
        loop
            execute 'revoke execute on function ' || called || ' from public';
        end loop;
    end $$
"""

# As a session of psql's has it; the time limits of ours are for our own statements.
AS_ANYBODY: LiteralString = "reset all"
LIMITS: LiteralString = """
    select pg_catalog.set_config('statement_timeout', '15min', false),
           pg_catalog.set_config('search_path', '"$user", public', false)
"""


def make_role(name: str) -> sql.Composed:
    """Return what makes a role that owns and is granted, and cannot log in."""
    return sql.SQL("create role {} nologin").format(sql.Identifier(name))


def make_member(role: str, member: str) -> sql.Composed:
    """Return what makes one role a member of another."""
    return sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(member))


def make_database(name: str, owner: str, encoding: str) -> sql.Composed:
    """Return what makes an empty database. It has no rows, so nothing depends on how it orders text."""
    return sql.SQL(
        "create database {} owner {} template template0 encoding {} lc_collate 'C' lc_ctype 'C' locale_provider libc"
    ).format(sql.Identifier(name), sql.Identifier(owner), sql.Literal(encoding))


def drop_database(name: str) -> sql.Composed:
    """Return what removes a database that a new server has by itself."""
    return sql.SQL("drop database if exists {}").format(sql.Identifier(name))


def make_extension(name: str, schema: str) -> sql.Composed:
    """Return what makes an extension in its schema."""
    return sql.SQL("create extension if not exists {} with schema {}").format(
        sql.Identifier(name), sql.Identifier(schema)
    )


def let_use(wrapper: str, role: str) -> sql.Composed:
    """Return what lets a role have foreign servers."""
    return sql.SQL("grant usage on foreign data wrapper {} to {}").format(
        sql.Identifier(wrapper), sql.Identifier(role)
    )


def let_create(schema: str, role: str, *, allowed: bool) -> sql.Composed:
    """Return what lets a role own things in a schema while it is restored, or takes that back."""
    words = (
        "grant create, usage on schema {} to {}"
        if allowed
        else "revoke create, usage on schema {} from {}"
    )
    return sql.SQL(words).format(sql.Identifier(schema), sql.Identifier(role))


def let_migrate(database: str, role: str) -> tuple[sql.Composed, sql.Composed]:
    """Return what lets a role log in and make schemas."""
    return (
        sql.SQL("alter role {} login").format(sql.Identifier(role)),
        sql.SQL("grant create, temporary on database {} to {}").format(
            sql.Identifier(database), sql.Identifier(role)
        ),
    )
