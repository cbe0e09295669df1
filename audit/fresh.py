"""Which rows this very transaction has added to a table, by their numbers: it needs no search to find them.

The server counts what a transaction adds to each leaf. New rows stand at a table's end, where there is no room before:
that end is read first, and the whole leaf only where fewer were found there than were added. Reads only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.postgres.catalog import Table
from lifecycle.postgres.names import sql_name

_STOOD = """
    select l.name, pg_stat_get_xact_tuples_inserted(c.oid), pg_relation_size(c.oid) / current_setting('block_size')::int
      from unnest(%(names)s::text[]) as l (name) join pg_class c on c.oid = to_regclass(l.name)
"""
# What was added by this transaction or within it: nothing that began later than our snapshot is seen at all.
_OURS = sql.SQL("""
    select t.ctid::text from only {leaf} as t
     where age(t.xmin) <= age(pg_current_xact_id()::xid){end}
""")
_AT_THE_END = sql.SQL(" and t.ctid >= %(end)s::tid")


@dataclass(frozen=True, slots=True)
class Stood:
    """What a leaf had at a moment of the transaction: rows added until then, and pages."""

    added: int
    pages: int


def stood(conn: Connection[TupleRow], table: Table) -> Mapping[str, Stood]:
    """Return this of every leaf of a table, by name."""
    leaves = [part.name for part in table.partitions] or [table.name]
    names = {sql_name(leaf).as_string(): leaf for leaf in leaves}
    rows = conn.execute(_STOOD, {"names": list(names)}).fetchall()
    return {names[name]: Stood(added, pages) for name, added, pages in rows}


def added(
    conn: Connection[TupleRow], table: Table, before: Mapping[str, Stood]
) -> Mapping[str, list[str]]:
    """Return the numbers of the rows that were added since `before`, by leaf, where there are any."""
    found: dict[str, list[str]] = {}
    for leaf, now in stood(conn, table).items():
        then = before.get(leaf, Stood(0, 0))
        if now.added <= then.added:
            continue
        end = {"end": f"({max(0, then.pages - 1)},0)"}
        rows = conn.execute(_OURS.format(leaf=sql_name(leaf), end=_AT_THE_END), end).fetchall()
        if len(rows) < now.added - then.added:
            rows = conn.execute(_OURS.format(leaf=sql_name(leaf), end=sql.SQL(""))).fetchall()
        if rows:
            found[leaf] = [row[0] for row in rows]
    return found
