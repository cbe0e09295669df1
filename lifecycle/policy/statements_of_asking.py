"""What is said so that a question about rows is asked as their owner alone, read only, and within a time: asking.py."""

from collections.abc import Sequence
from typing import LiteralString, cast

from psycopg import sql

LOOK_ONLY: LiteralString = """
    select set_config('transaction_read_only', 'on', true), set_config('statement_timeout', %(limit)s, true),
           set_config('lock_timeout', '200ms', true), set_config('jit', 'off', true)
"""
IS_SUPERUSER: LiteralString = "select rolsuper from pg_roles where rolname = current_user"
ENCLOSE: LiteralString = """
    create function pg_temp.lifecycle_asked(query text, given text[]) returns setof record language plpgsql
    security definer set search_path = pg_catalog, pg_temp as $$
    begin
        return query execute query using given;
    end $$
"""
TYPES: LiteralString = """
    select format_type(o, null) from unnest(%(oids)s::oid[]) with ordinality as each (o, place) order by place
"""


def enclosed_by(owner: str) -> sql.Composed:
    """Let what is said within that function be said as this owner."""
    return sql.SQL("alter function pg_temp.lifecycle_asked(text, text[]) owner to {}").format(
        sql.Identifier(owner)
    )


def within(types: Sequence[str]) -> sql.Composed:
    """Ask %(query)s with %(values)s within that function: an answer of columns of these types."""
    columns = (
        sql.SQL("{} {}").format(sql.Identifier(f"c{number}"), sql.SQL(cast("LiteralString", name)))
        for number, name in enumerate(types)
    )
    return sql.SQL(
        "select * from pg_temp.lifecycle_asked(%(query)s, %(values)s::text[]) as answer ({})"
    ).format(sql.SQL(", ").join(columns))
