"""What is asked of a managed database about what will end."""

from psycopg import sql

from lifecycle.postgres.names import sql_name
from retention.rules import Bound
from retention.statements_of_rows import scope

# Of a table that was never analysed `reltuples` is -1, of an empty one 0.
WIDTH = """
    select pg_total_relation_size(c.oid) / nullif(greatest(c.reltuples, 0), 0)
      from pg_class c where c.oid = to_regclass(%(name)s)
"""


def by_edge(leaf: str, bound: Bound) -> sql.Composed:
    """Count the rows of a leaf before the last of these edges, by how many edges are not after them."""
    return sql.SQL("""
        select width_bucket({by}, %(edges)s), count(*) from only {leaf} as t
         where {by} < %(last)s and {by} > '-infinity'{scope}
         group by 1
    """).format(leaf=sql_name(leaf), by=sql.Identifier("t", bound.by), scope=scope(bound))


def whole(name: str) -> sql.Composed:
    """Count all rows of a partition, and its bytes with what hangs below it."""
    return sql.SQL("""
        select (select count(*) from {table}),
               (select sum(pg_total_relation_size(relid)) from pg_partition_tree({name}::regclass))::bigint
    """).format(table=sql_name(name), name=sql.Literal(sql_name(name).as_string()))
