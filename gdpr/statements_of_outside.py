"""What this room asks of a managed database about what is a person's beyond it: objects and customers. Pure."""

from psycopg import sql

from gdpr.reach import Reach
from gdpr.rows import columns, owned
from lifecycle.postgres.names import sql_name


def object_keys(reach: Reach, table: str) -> sql.Composed:
    """Return the query of the keys of the person's objects that stand in one table."""
    return sql.SQL("""
        select distinct k.key from {table} as t, unnest(array[{columns}]::text[]) as k (key)
         where k.key <> '' and {rows} order by k.key""").format(**_objects(reach, table))


def _objects(reach: Reach, table: str) -> dict[str, sql.Composable]:
    held = columns("t", reach.policy.tables[table].objects)
    return {"table": reach.relation(table), "columns": held, "rows": owned(reach, table)}


def others_object_keys(reach: Reach, table: str) -> sql.Composed:
    """Return the query of those %(keys)s that stand in a row that is not the person's; by an index, if there is one."""
    named = [
        sql.SQL("t.{}{} = any(%(keys)s::text[])").format(sql.Identifier(name), as_text)
        for name in reach.policy.tables[table].objects
        for as_text in [sql.SQL("::text" if _odd(reach.column(table, name).type) else "")]
    ]
    return sql.SQL("""
        select distinct k.key from {table} as t, unnest(array[{columns}]::text[]) as k (key)
         where ({named}) and k.key = any(%(keys)s::text[]) and {rows} is not true""").format(
        named=sql.SQL(" or ").join(named), **_objects(reach, table)
    )


def _odd(type_: str) -> bool:
    return type_.partition("(")[0] not in ("text", "character varying")


def payers(reach: Reach, column: str) -> sql.Composed:
    """Return the query of (customer id, whether it goes with the person) for the rows they have a part in."""
    table, _, name = column.rpartition(".")
    return sql.SQL("""
        select t.{name}::text, bool_and({goes} and not exists
               (select from {table} as o where o.{name} = t.{name} and {others} is not true))
          from {table} as t where t.{name}::text <> '' and {rows} group by 1""").format(
        name=sql.Identifier(name),
        table=sql_name(table),
        goes=owned(reach, table),
        others=owned(reach, table, "o"),
        rows=owned(reach, table, shared_too=True),
    )


def others_payers(reach: Reach, column: str) -> sql.Composed:
    """Return the query of those %(customers)s that stand in a row that does not go with the person."""
    table, _, name = column.rpartition(".")
    return sql.SQL("""
        select distinct t.{name}::text from {table} as t
         where t.{name}::text = any(%(customers)s::text[]) and {goes} is not true""").format(
        name=sql.Identifier(name), table=sql_name(table), goes=owned(reach, table)
    )
