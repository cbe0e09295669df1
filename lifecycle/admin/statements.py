"""What `doctor` asks a managed database. It changes nothing."""

from psycopg import sql

from lifecycle.postgres.catalog import sql_name

BACKEND = "select pg_backend_pid()"
ROLE = """
    select rolname, rolsuper, rolbypassrls, rolcreaterole or rolcreatedb from pg_roles where rolname = current_user
"""
MEMBER = """
    select owner from unnest(%(owners)s::text[]) as owner where not pg_has_role(current_user, owner, 'member')
"""
MAY_CREATE = """
    select wanted.owner, wanted.place
      from unnest(%(owners)s::text[], %(schemas)s::text[]) as wanted (owner, place)
     where not has_schema_privilege(wanted.owner, wanted.place, 'create')
"""
INHERITED = """
    select owner from unnest(%(owners)s::text[]) as owner where pg_has_role(current_user, owner, 'usage')
"""
MISSING_TABLE_RIGHTS = """
    select wanted.name, wanted.privilege
      from unnest(%(names)s::text[], %(privileges)s::text[]) as wanted (name, privilege)
     where not has_table_privilege(current_user, wanted.name, wanted.privilege)
     order by 1, 2
"""
MISSING_COLUMN_RIGHTS = """
    select wanted.name, wanted.column_name
      from unnest(%(names)s::text[], %(columns)s::text[]) as wanted (name, column_name)
     where not has_column_privilege(current_user, wanted.name, wanted.column_name, 'update')
     order by 1, 2
"""
LEDGER = """
    select to_regclass('lifecycle.migration') is not null and to_regclass('lifecycle.installation') is not null
"""
INSTALLED = "select system from lifecycle.installation"
SIZE = "select pg_database_size(current_database())"


def any_row(relation: str) -> sql.Composed:
    """Say whether this table or partition holds a row."""
    return sql.SQL("select exists (select from {})").format(sql_name(relation))
