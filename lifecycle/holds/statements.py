"""Every statement this room says: about its own tables, and which rows of a table are on hold."""

from psycopg import sql

from lifecycle.holds.hold import Hold
from lifecycle.postgres.names import sql_name

STANDING = """
    select h.hold_id, h.covers, h.subject, h.table_name, h.column_name, h.key, h.since, h.before, h.because,
           h.placed_by, h.placed_at, h.until
      from lifecycle.hold h
     where (h.until is null or h.until > now())
       and not exists (select from lifecycle.hold_release r where r.hold_id = h.hold_id)
     order by h.hold_id
"""

READABLE = """
    select from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'lifecycle' and c.relname = 'hold' and has_schema_privilege(n.oid, 'usage')
       and has_table_privilege(c.oid, 'select')
"""

ALL = """
    select h.hold_id, h.covers, h.subject, h.table_name, h.column_name, h.key, h.since, h.before, h.because,
           h.placed_by, h.placed_at, h.until, r.released_at, r.released_by, r.because, h.until <= now()
      from lifecycle.hold h left join lifecycle.hold_release r on r.hold_id = h.hold_id
     order by h.hold_id
"""

PLACE = """
    select lifecycle.place_hold(%(covers)s, %(subject)s, %(table)s, %(column)s, %(key)s, %(since)s, %(before)s,
                                %(because)s, %(placed_by)s, %(until)s)
"""

RELEASE = "select lifecycle.release_hold(%(hold)s, %(because)s, %(released_by)s)"


def in_span(hold: Hold) -> sql.Composed:
    """Whether a row `t` lies in the hold's span; one without a date may, so it does."""
    return sql.SQL("coalesce({column} >= {since} and {column} < {before}, true)").format(
        column=sql.Identifier("t", hold.column or ""),
        since=sql.Literal(hold.since and hold.since.isoformat()),
        before=sql.Literal(hold.before and hold.before.isoformat()),
    )


def has_value(hold: Hold) -> sql.Composed:
    """Whether a row `t` has the hold's value, as PostgreSQL itself spells it: an owner may make a cast for `::text`."""
    return sql.SQL("coalesce(concat({}) = {}, false)").format(
        sql.Identifier("t", hold.column or ""), sql.Literal(hold.key)
    )


def person(table: str, key: str) -> sql.Composed:
    """Ask whether somebody has the key %(key)s."""
    return sql.SQL("select from {} as t where t.{} = %(key)s").format(
        sql_name(table), sql.Identifier(key)
    )
