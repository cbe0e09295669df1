"""One name of a table, as policies, plans, manifests and evidence spell it, and the way back to SQL. Pure."""

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.errors import Refused


def policy_name(schema: str, relname: str) -> str:
    """Return `users` for a table in schema public, else `schema.table`; `public.a.b` where `a.b` is the table's name.

    No two tables have one name. Raise Refused when the schema's name has a dot: `a.b.c` could mean two things.
    """
    if "." in schema:
        raise Refused(
            f"schema {schema!r} has a dot in its name, so `schema.table` could mean two things",
            hint="Rename the schema: `alter schema ... rename to ...`.",
        )
    return relname if schema == "public" and "." not in relname else f"{schema}.{relname}"


def sql_name(name: str) -> sql.Identifier:
    """Return such a name as SQL: `users` is "public"."users", `a.b` is "a"."b"."""
    return sql.Identifier(*sql_parts(name))


def sql_parts(name: str) -> tuple[str, str]:
    """Return schema and name of such a name: `users` is in public."""
    schema, dot, relname = name.partition(".")
    return (schema, relname) if dot else ("public", name)


def quoted(conn: Connection[TupleRow], name: str) -> str:
    """Return one name as SQL spells it, to be read or pasted by a person."""
    return sql.Identifier(name).as_string(conn)
