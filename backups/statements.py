"""What this room says to a managed database and to the scratch server it restores into."""

from psycopg import sql

from backups.manifest import Locale
from lifecycle.postgres.rows import count_and_digest

# A row's text depends on these; both sides of a comparison must say the same.
PIN = """
    select set_config('extra_float_digits', '1', true), set_config('IntervalStyle', 'postgres', true),
           set_config('bytea_output', 'hex', true), set_config('xmloption', 'content', true),
           set_config('lock_timeout', '60s', true), set_config('statement_timeout', %(milliseconds)s, true),
           set_config('idle_in_transaction_session_timeout', %(milliseconds)s, true)
"""

EXPORT_SNAPSHOT = "select pg_export_snapshot()"

SERVER = """
    select current_setting('server_version'), current_setting('server_version_num')::int / 10000
"""

SOURCE = """
    select current_database(), (select system_identifier::text from pg_control_system()),
           current_setting('server_version'), current_setting('server_version_num')::int / 10000,
           pg_encoding_to_char(d.encoding), pg_database_size(d.oid), pg_current_wal_lsn()::text,
           ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
      from pg_database d where d.datname = current_database()
"""

# What orders and folds the text of this database. A server names ICU's and its own locales in one column, which had
# another name before version 17.
LOCALE = """
    select d.datlocprovider::text, d.datcollate, d.datctype,
           coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'), to_jsonb(d) ->> 'daticurules',
           pg_database_collation_actual_version(d.oid)
      from pg_database d where d.datname = current_database()
"""

# Nothing grants all of them at once before PostgreSQL 18's default privileges, and pg_dump ends at the first it may not
# read.
UNREADABLE_LARGE_OBJECTS = """
    select count(*) from pg_largeobject_metadata l
     where not (select rolsuper from pg_roles where rolname = current_user)
       and not current_setting('lo_compat_privileges')::bool
       and not pg_has_role(current_user, l.lomowner, 'usage')
       and not exists (select from aclexplode(l.lomacl) as g
                        where g.privilege_type = 'SELECT'
                          and (g.grantee = 0 or pg_has_role(current_user, g.grantee, 'usage')))
"""

# As they were made: one that needs another comes after it.
EXTENSIONS = """
    select e.extname, e.extversion, n.nspname
      from pg_extension e join pg_namespace n on n.oid = e.extnamespace order by e.oid
"""
AVAILABLE_EXTENSIONS = "select name from pg_available_extensions"

# Owners and grantees of what is in this database; the bootstrap superuser is recorded nowhere.
ROLES = """
    select pg_get_userbyid(s.refobjid) from pg_shdepend s join pg_database d on d.oid in (s.dbid, s.objid)
     where d.datname = current_database() and s.refclassid = 'pg_authid'::regclass
     union select pg_get_userbyid(10) order by 1
"""

# Tables whose rows a dump carries: partitions are counted with their parent, an extension's tables not at all.
TABLES = """
    select n.nspname, c.relname, c.relkind::text
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
       and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
       and not exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = c.oid
                                                 and e.deptype = 'e')
     order by 1, 2
"""


# Of those of an extension a dump carries what it registers as configuration, and of the others nothing.
EXTENSION_TABLES = """
    select n.nspname, c.relname,
           has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as readable
      from pg_depend e join pg_class c on c.oid = e.objid join pg_namespace n on n.oid = c.relnamespace
     where e.classid = 'pg_class'::regclass and e.deptype = 'e' and c.relkind in ('r', 'p') and c.relpersistence <> 't'
     order by 1, 2
"""


def any_row(schema: str, relname: str) -> sql.Composed:
    """Ask whether a table holds a row."""
    return sql.SQL("select exists (select from {})").format(sql.Identifier(schema, relname))


def content(schema: str, relname: str, kind: str) -> sql.Composed:
    """Return the count and the content digest of a table; a plain table without those that inherit from it."""
    return sql.SQL("select {counted} from {only} {table} as lifecycle_row").format(
        counted=count_and_digest("lifecycle_row"),
        only=sql.SQL("" if kind == "p" else "only"),
        table=sql.Identifier(schema, relname),
    )


# In which relations the rows of a table lie: in its leaves, or in itself.
HOLDING = """
    select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.oid = to_regclass(%(relation)s) and c.relkind = 'r'
        or c.oid in (select relid from pg_partition_tree(to_regclass(%(relation)s)) where isleaf)
"""
ONE = """
    select n.nspname, c.relname, c.relkind::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.oid = to_regclass(%(relation)s)
"""

SIZE = "select pg_database_size(current_database())"

ROLE_EXISTS = "select from pg_roles where rolname = %(role)s"


def create_role(role: str) -> sql.Composed:
    """Return what makes a role that owns and is granted, and can do nothing else (scratch server only)."""
    return sql.SQL("create role {} nologin").format(sql.Identifier(role))


def let_be(role: str) -> sql.Composed:
    """Return what lets the restorer make things in this role's name (scratch server only)."""
    return sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(RESTORER))


def create_database(name: str, encoding: str, locale: Locale, owner: str) -> sql.Composed:
    """Return what makes an empty database, encoded and ordered as its source."""
    options: list[sql.Composable] = [
        sql.SQL("encoding {}").format(sql.Literal(encoding)),
        sql.SQL("lc_collate {}").format(sql.Literal(locale.collate)),
        sql.SQL("lc_ctype {}").format(sql.Literal(locale.ctype)),
    ]
    if locale.provider == "i":
        options.append(
            sql.SQL("locale_provider icu icu_locale {}").format(sql.Literal(locale.name))
        )
    elif locale.provider == "b":
        own = sql.SQL("locale_provider builtin builtin_locale {}")
        options.append(own.format(sql.Literal(locale.name)))
    else:
        options.append(sql.SQL("locale_provider libc"))
    if locale.rules is not None:
        options.append(sql.SQL("icu_rules {}").format(sql.Literal(locale.rules)))
    return sql.SQL("create database {} owner {} template template0 {}").format(
        sql.Identifier(name), sql.Identifier(owner), sql.SQL(" ").join(options)
    )


RESTORER = "lifecycle_restorer"
"""Who restores a dump (scratch server only). Owns the copy, and sees its rows whatever policies they have."""

CREATE_RESTORER = "create role lifecycle_restorer login nosuperuser bypassrls"

# Whoever gets something in a schema must be allowed to make things there, and a dump says who may only at its end.
_LET_OWN = """
    do $$
    declare schema name;
    begin
        for schema in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
            execute format('grant create on schema %I to public', schema);
        end loop;
    end $$
"""
LET_OWN = sql.SQL(_LET_OWN)
LET_OWN_NO_MORE = sql.SQL(
    _LET_OWN.replace("grant create", "revoke create").replace("to public", "from public")
)


def forget_settings(database: str) -> tuple[sql.Composed, ...]:
    """Return what undoes all that is set for the restorer and his copy.

    Code of a dump runs as him, who owns the copy, and what it sets for either holds for the next session.
    """
    copy, restorer = sql.Identifier(database), sql.Identifier(RESTORER)
    return (
        sql.SQL("alter role {} reset all").format(restorer),
        sql.SQL("alter role {} in database {} reset all").format(restorer, copy),
        sql.SQL("alter database {} reset all").format(copy),
        sql.SQL("alter database {} connection limit -1").format(copy),
    )


EXTENSION_RELATIONS = """
    select n.nspname, c.relname, c.relkind = 'S'
      from pg_depend e join pg_class c on c.oid = e.objid join pg_namespace n on n.oid = c.relnamespace
     where e.classid = 'pg_class'::regclass and e.deptype = 'e' and c.relkind in ('r', 'p', 'S')
"""

# From everybody: the restorer is no superuser.
SHUT_IN = """
    do $$
    declare called text;
    begin
        for called in
            select p.oid::regprocedure::text
              from pg_depend e join pg_proc p on p.oid = e.objid
             where e.classid = 'pg_proc'::regclass and e.deptype = 'e' and p.provolatile = 'v' and p.prokind = 'f'
               and p.prorettype <> 'trigger'::regtype
        loop
            execute 'revoke execute on function ' || called || ' from public';
        end loop;
    end $$
"""


def create_extension(name: str, schema: str) -> sql.Composed:
    """Return what makes an extension in its schema, from this host's packages (scratch server only)."""
    return sql.SQL("create extension if not exists {} with schema {}").format(
        sql.Identifier(name), sql.Identifier(schema)
    )


def let_fill(schema: str, relation: str, *, sequence: bool) -> sql.Composed:
    """Return what lets the restorer write into a table or sequence of an extension (scratch server only).

    Nothing more: who may refer to a table has casts of his own run by a foreign key's check as its owner, a superuser.
    """
    rights = sql.SQL("usage, update on sequence" if sequence else "select, insert on table")
    return sql.SQL("grant {} {} to {}").format(
        rights, sql.Identifier(schema, relation), sql.Identifier(RESTORER)
    )
