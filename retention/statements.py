"""Every statement this room says to a managed database.

`only`, and one leaf at a time: a ctid is an address within one table, and asked of a partitioned parent it
deletes the rows at the same address in every other partition as well.
"""

from psycopg import sql

from lifecycle.postgres.names import sql_name

# Of the table and of each of its partitions: a view may be made of a leaf alone. Views made of views count, too. Of a
# cleared column only what reads that column, where PostgreSQL remembers it.
MATERIALISED_FROM = """
    with recursive whole (oid) as (
        select to_regclass(%(relation)s)::oid
         union
        select relid from pg_partition_tree(to_regclass(%(relation)s))),
    made (oid) as (
        select r.ev_class
          from pg_depend d join pg_rewrite r on r.oid = d.objid
         where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
           and d.refobjid in (select oid from whole) and r.ev_class <> d.refobjid
           and (%(column)s::text is null or d.refobjsubid = 0 or exists (
                select from pg_attribute a where a.attrelid = d.refobjid and a.attnum = d.refobjsubid
                                             and a.attname = %(column)s))
         union
        select r.ev_class
          from made join pg_depend d on d.refobjid = made.oid and d.refclassid = 'pg_class'::regclass
          join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
         where r.ev_class <> made.oid)
    select n.nspname, c.relname
      from made join pg_class c on c.oid = made.oid join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'm' order by 1, 2
"""

HAS_CHILDREN = """
    select exists (select from pg_inherits i join pg_class c on c.oid = i.inhparent
                    where c.relkind = 'r' and i.inhparent = to_regclass(%(relation)s))
"""


def overdue(by: str, column: str | None) -> sql.Composed:
    """The condition of an overdue row. A row without a date, or dated -infinity, is none."""
    return sql.SQL("{by} < %(before)s and {by} > '-infinity'{filled}").format(
        by=sql.Identifier(by), filled=_filled(column)
    )


def count_overdue(leaf: str, by: str, column: str | None, key: tuple[str, ...]) -> sql.Composed:
    """Count the overdue rows of one leaf, with a digest of their keys that does not depend on their order."""
    columns = [sql.Identifier("t", name) for name in key]
    one = sql.SQL("row({})").format(sql.SQL(", ").join(columns)) if key else sql.SQL("t")
    return sql.SQL("""
        select count(*), coalesce(sum(hashtextextended({one}::text, 0)), 0)::text
          from only {leaf} as t where {overdue}
    """).format(leaf=sql_name(leaf), overdue=overdue(by, column), one=one)


def count_undated(leaf: str, by: str, column: str | None) -> sql.Composed:
    """Count the rows of one leaf that no rule can reach, as they have no date."""
    return sql.SQL(
        "select count(*) from only {leaf} where ({by} is null or {by} = '-infinity'){filled}"
    ).format(leaf=sql_name(leaf), by=sql.Identifier(by), filled=_filled(column))


def expire(leaf: str, by: str, column: str | None) -> sql.Composed:
    """Delete up to %(limit)s overdue rows of one leaf, or clear their column. Passes locked rows over.

    The condition stands there twice: a row that changed between the choice and the deed is left alone.
    """
    verb = (
        sql.SQL("delete from only {leaf}")
        if column is None
        else sql.SQL("update only {leaf} set {column} = null")
    )
    deed = verb.format(
        leaf=sql_name(leaf), **({} if column is None else {"column": sql.Identifier(column)})
    )
    return sql.SQL("""
        with chosen as materialized (
            select ctid from only {leaf} where {overdue} limit %(limit)s for update skip locked)
        {deed} where ctid = any (array(select ctid from chosen)) and {overdue}
    """).format(leaf=sql_name(leaf), overdue=overdue(by, column), deed=deed)


def _filled(column: str | None) -> sql.Composable:
    if column is None:
        return sql.SQL("")
    return sql.SQL(" and {column} is not null").format(column=sql.Identifier(column))
