"""What is said to the empty server."""

from psycopg import sql

RESTORING = "lifecycle_restoring"
"""What the database is called until it may be entered."""

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

ANALYZE = "analyze"

DROP = sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(RESTORING))


def rename(name: str) -> sql.Composed:
    """Return what gives the database its name."""
    return sql.SQL("alter database {} rename to {}").format(
        sql.Identifier(RESTORING), sql.Identifier(name)
    )


def remark(name: str, said: str) -> sql.Composed:
    """Return what says of which dump a database was made."""
    return sql.SQL("comment on database {} is {}").format(sql.Identifier(name), sql.Literal(said))
