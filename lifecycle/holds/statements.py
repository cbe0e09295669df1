"""Every statement this room says: about its own tables, and which rows of a table are on hold."""

from datetime import UTC, timedelta
from typing import LiteralString

from psycopg import sql

from lifecycle.holds.hold import Hold
from lifecycle.postgres.names import sql_name

_BEHIND, _AHEAD = timedelta(hours=12), timedelta(hours=14)
"""How far a clock somewhere on earth can be behind UTC, and how far ahead of it."""

_AWARE, _NAIVE = sql.SQL("timestamptz"), sql.SQL("timestamp")

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

# Who destroys holds the first of these locks, shared, from before it reads the holds until its transaction has ended;
# or the second until its connection is closed, whose transactions are many. Of this database alone.
ENTER: LiteralString = "select pg_advisory_xact_lock_shared(7, 20190405)"
ENTER_CONNECTED: LiteralString = "select pg_advisory_lock_shared(7, 20190406)"
CONNECTED: LiteralString = "select"
AT_WORK: LiteralString = """
    select case l.objid when 20190406 then l.pid::text else l.virtualtransaction end
      from pg_locks l
     where l.locktype = 'advisory' and l.classid = 7 and l.objid in (20190405, 20190406) and l.objsubid = 2
       and l.granted and l.database = (select oid from pg_database where datname = current_database())
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

FORGET = "select lifecycle.forget_in_holds(%(kind)s, %(person)s, %(those)s)"

RELEASE = "select lifecycle.release_hold(%(hold)s, %(because)s, %(released_by)s)"


def in_span(hold: Hold, of_type: str) -> sql.Composed:
    """Whether a row `t` lies in the hold's span; one without a date may, so it does.

    A column without a time zone may have been written in any: the span is as long as it is anywhere on earth.
    """
    since, before = hold.since, hold.before
    assert since is not None
    assert before is not None
    kind = _AWARE if of_type.endswith("with time zone") else _NAIVE
    if kind is _NAIVE:
        since = (since.astimezone(UTC) - _BEHIND).replace(tzinfo=None)
        before = (before.astimezone(UTC) + _AHEAD).replace(tzinfo=None)
    return sql.SQL(
        "coalesce({column} >= {since}::{kind} and {column} < {before}::{kind}, true)"
    ).format(
        column=sql.Identifier("t", hold.column or ""),
        kind=kind,
        since=sql.Literal(since.isoformat()),
        before=sql.Literal(before.isoformat()),
    )


def has_value(hold: Hold, of_type: str) -> sql.Composed:
    """Whether a row `t` has the hold's value, spelled as its column spells it, in whatever case.

    `concat`, as an owner may make a cast for `::text`. The value is a parameter: what is said stands in logs.
    """
    return sql.SQL("""coalesce(lower(concat({column})) in (
        lower({value}::text), lower((select lifecycle.spelled({value}::text, {kind})))), false)""").format(
        column=sql.Identifier("t", hold.column or ""),
        value=sql.Placeholder(name_of(hold)),
        kind=sql.Literal(of_type),
    )


def name_of(hold: Hold) -> str:
    """Return the parameter that a hold's key is given by."""
    return f"key_of_hold_{hold.number}"


def person(table: str, key: str) -> sql.Composed:
    """Ask for whoever has the key %(key)s, as it is spelled there."""
    return sql.SQL("select concat(t.{key}) from {table} as t where t.{key} = %(key)s").format(
        table=sql_name(table), key=sql.Identifier(key)
    )


def count(table: str, held: sql.Composed) -> sql.Composed:
    """Count the rows of a table that are on hold."""
    return sql.SQL("select count(*) from {} as t where {}").format(sql_name(table), held)
