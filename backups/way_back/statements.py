"""What is said to the empty server."""

from psycopg import sql

from backups.statements import RESTORER

RESTORING = "lifecycle_restoring"
"""What the database is called until it may be entered."""

BARE = "lifecycle_restoring_bare"
"""What the database is called, as long as there is one, that is made of the same dump without rows."""

SERVICE = ("lifecycle", "lifecycle_ddl")
"""Who may enter a database in which somebody is who was erased."""

SERVER = """
    select current_setting('server_version_num')::int / 10000, current_user, r.rolsuper, current_database()
      from pg_roles r where r.rolname = current_user
"""

DATABASES = """
    select datname, shobj_description(oid, 'pg_database') from pg_database where not datistemplate order by datname
"""

# Of the database that the administrator came in by.
RELATIONS = """
    select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
"""

ROLES = "select rolname from pg_roles where rolname !~ '^pg_' order by rolname"

ANALYZE = sql.SQL("analyze")

# He may be there from a try that was killed. Until he has a database to restore he enters none.
MAKE_RESTORER = """
    do $$ begin
        if not exists (select from pg_roles where rolname = 'lifecycle_restorer') then
            create role lifecycle_restorer nologin;
        end if;
    end $$
"""

# First he may not come in any more: whom his code has told a password waits at the door. Ours stays, if it is one.
SHUT_OUT = "alter role lifecycle_restorer nologin"
END_RESTORER = """
    select pg_terminate_backend(pid, 10000) from pg_stat_activity
     where usename = 'lifecycle_restorer' and pid <> %(ours)s
"""

# Whoever may act in a role's name may set these for it, in whatever database.
SETTINGS = """
    select r.rolname, d.datname
      from pg_db_role_setting s join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase
     where r.rolname = any(%(roles)s)
"""

# In the database that he restored: what belongs to him there belonged to whom we are.
HAND_OVER = (
    "reassign owned by lifecycle_restorer to current_user",
    "drop owned by lifecycle_restorer",
)

DROP_RESTORER = "drop role if exists lifecycle_restorer"


def drop(database: str) -> sql.Composed:
    """Return what drops a database of ours, whoever is in it."""
    return sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database))


def forget_setting(role: str, database: str | None) -> sql.Composed:
    """Return what forgets all that is set for a role, in this database or in all."""
    where = sql.SQL("in database {}").format(sql.Identifier(database)) if database else sql.SQL("")
    return sql.SQL("alter role {} {} reset all").format(sql.Identifier(role), where)


def forget_password(role: str) -> sql.Composed:
    """Return what lets nobody come in by a password of this role."""
    return sql.SQL("alter role {} password null").format(sql.Identifier(role))


def rename(name: str) -> sql.Composed:
    """Return what gives the database its name."""
    return sql.SQL("alter database {} rename to {}").format(
        sql.Identifier(RESTORING), sql.Identifier(name)
    )


def remark(name: str, said: str) -> sql.Composed:
    """Return what says of which dump a database was made."""
    return sql.SQL("comment on database {} is {}").format(sql.Identifier(name), sql.Literal(said))


def keep_out(name: str, grantee: str) -> sql.Composed:
    """Return what takes the right to enter from somebody; an empty grantee is everybody."""
    who = sql.Identifier(grantee) if grantee else sql.SQL("public")
    return sql.SQL("revoke connect on database {} from {}").format(sql.Identifier(name), who)


def drop_role(role: str) -> sql.Composed:
    """Return what drops a role that an earlier try made."""
    return sql.SQL("drop role if exists {}").format(sql.Identifier(role))


def let_in(password: str) -> sql.Composed:
    """Return what lets the restorer log in; the password is given as what PostgreSQL keeps of it."""
    said = sql.SQL("alter role {} login nosuperuser bypassrls password {}")
    return said.format(sql.Identifier(RESTORER), sql.Literal(password))


def close(database: str) -> sql.Composed:
    """Return what keeps everybody out of a database who has no right of his own to enter it."""
    return sql.SQL("revoke all on database {} from public").format(sql.Identifier(database))
