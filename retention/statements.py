"""Every statement this room says to a managed database.

`only`, and one leaf at a time: a ctid is an address within one table, and asked of a partitioned parent it
deletes the rows at the same address in every other partition as well.
"""

from psycopg import sql

from lifecycle.postgres.catalog import sql_name

HAS_CHILDREN = """
    select exists (select from pg_inherits i join pg_class c on c.oid = i.inhparent
                    where c.relkind = 'r' and i.inhparent = to_regclass(%(relation)s))
"""


def overdue(by: str, column: str | None) -> sql.Composed:
    """The condition of an overdue row. A row without a date, or dated -infinity, is none."""
    return sql.SQL("{by} < %(before)s and {by} > '-infinity'{filled}").format(
        by=sql.Identifier(by), filled=_filled(column)
    )


def count_overdue(leaf: str, by: str, column: str | None) -> sql.Composed:
    """Count the overdue rows of one leaf."""
    return sql.SQL("select count(*) from only {leaf} where {overdue}").format(
        leaf=sql_name(leaf), overdue=overdue(by, column)
    )


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
