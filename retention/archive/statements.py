"""What archives are asked and told of a managed database: columns, rows out as CSV and in, counts and digests."""

from collections.abc import Sequence

from psycopg import sql

from lifecycle.postgres.names import sql_name
from lifecycle.postgres.rows import hash_of_row, row_as_text
from lifecycle.returning.statements import ROW, STAGED
from retention.archive import manifest
from retention.archive.manifest import Column

# The bound of a partition that is being taken off, or was, is gone with its place among the others.
RELATION = """
    select pg_get_expr(c.relpartbound, c.oid), current_database(),
           (select system_identifier::text from pg_control_system()), current_setting('server_version'),
           array(select a.attname::text from pg_index i, unnest(i.indkey) with ordinality as k (attnum, place)
                   join pg_attribute a on a.attrelid = to_regclass(%(relation)s) and a.attnum = k.attnum
                  where i.indrelid = c.oid and i.indisprimary order by k.place),
           pg_table_size(c.oid)
      from pg_class c where c.oid = to_regclass(%(relation)s)
"""


def copy_out(leaf: str, columns: Sequence[str], where: sql.Composable) -> sql.Composed:
    """Rows as CSV. All but nulls is quoted: no text begins with a mark."""
    return sql.SQL("""
        copy (select {columns} from only {leaf} as {alias} where {where})
          to stdout (format csv, force_quote *)
    """).format(
        columns=sql.SQL(", ").join(sql.Identifier(ROW, name) for name in columns),
        leaf=sql_name(leaf),
        alias=sql.Identifier(ROW),
        where=where,
    )


def stage_like(leaf: str) -> sql.Composed:
    """Make the table that takes an archive's rows: of the same types, with no default, no generated column, no key."""
    return sql.SQL("create temporary table {staged} (like {leaf})").format(
        staged=STAGED, leaf=sql_name(leaf)
    )


STAGED_BLOCKS = """
    select (pg_relation_size('pg_temp.lifecycle_archived') / current_setting('block_size')::int)::int
"""
BEFORE = """
    select max(at - make_interval(days => (counts ->> 'days')::int)) from lifecycle.evidence
     where event = %(event)s and target = %(target)s and digest = %(digest)s and kind = 'outcome'
"""


# Whether a restore has made a table of this name, and none has ended since.
MADE = """
    select coalesce(max(at) filter (where event = %(made)s) > coalesce(max(at) filter (where event = %(restored)s),
                                                                       '-infinity'), false)
      from lifecycle.evidence where target = %(name)s and event in (%(made)s, %(restored)s)
"""
THERE = "select to_regclass(%(relation)s) is not null"


def count(of: sql.Identifier, where: sql.Composable) -> sql.Composed:
    """Count rows, without looking into them."""
    return sql.SQL("select count(*) from only {of} as {alias} where {where}").format(
        of=of, alias=sql.Identifier(ROW), where=where
    )


def content(of: sql.Identifier, where: sql.Composable, columns: Sequence[Column]) -> sql.Composed:
    """Count rows, with a digest of all of each that does not depend on their order: `hashed` is binary."""
    exact = [column.name for column in columns if manifest.exact(column.type)]
    others = [column.name for column in columns if not manifest.exact(column.type)]
    return sql.SQL("""
        select count(*), coalesce(sum({hashed}), 0)::text from only {of} as {alias} where {where}
    """).format(
        hashed=hash_of_row(ROW, exact, others), of=of, alias=sql.Identifier(ROW), where=where
    )


def count_staged(where: sql.Composable | None) -> sql.Composed:
    """Count the loaded rows of a condition on `t`."""
    return sql.SQL("select count(*) from {staged} as t where {where}").format(
        staged=STAGED, where=where or sql.SQL("true")
    )


def delete_archived(leaf: str, key: Sequence[str], free: sql.Composable) -> sql.Composed:
    """Delete rows that are in the archive and still exactly as they are there.

    Of the blocks from %(first)s to before %(after)s of what was loaded. `free` is a further condition.
    """
    same = sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier("gone", name), sql.Identifier(ROW, name))
        for name in key
    )
    return sql.SQL("""
        delete from only {leaf} as {alias} using {staged} as gone
         where gone.ctid >= format('(%%s,0)', %(first)s::bigint)::tid
           and gone.ctid < format('(%%s,0)', %(after)s::bigint)::tid
           and {same} and {text} = {archived}{free}
    """).format(
        free=free,
        leaf=sql_name(leaf),
        alias=sql.Identifier(ROW),
        staged=STAGED,
        same=same,
        text=row_as_text(ROW),
        archived=row_as_text("gone"),
    )
