"""What this room asks and says of the compressed chunks of a hypertable, in which many rows stand in one batch.

Names come from the policy and the catalog through identifiers; values only as parameters.
"""

from collections.abc import Iterable

from psycopg import sql

from gdpr.reach import Reach
from gdpr.rows import owned
from lifecycle.postgres.names import sql_name

# The hypertables with chunks that are compressed and cannot be read, as today's licence has no part in that.
UNREADABLE = """
    select distinct h.schema_name, h.table_name
      from _timescaledb_catalog.chunk k join _timescaledb_catalog.hypertable h on h.id = k.hypertable_id
     where k.status & 1 = 1 and current_setting('timescaledb.license', true) <> 'timescale'
     order by 1, 2
"""

# When TimescaleDB noted down last what each chunk is. Whoever compresses one, or takes in what came since, writes here.
NOTED = "select id, xmin::text from _timescaledb_catalog.chunk"

# Of these chunks those that are compressed: into which relation, and by which columns a batch has one value each.
CHUNKS = """
    select o.oid, x.schema_name, x.table_name, s.segmentby
      from _timescaledb_catalog.chunk k
      join _timescaledb_catalog.chunk x on x.id = k.compressed_chunk_id
      join pg_namespace n on n.nspname = k.schema_name
      join pg_class o on o.relnamespace = n.oid and o.relname = k.table_name
      join _timescaledb_catalog.compression_settings s on s.relid = o.oid and s.compress_relid is not null
     where k.status & 1 = 1 and o.oid = any (%(oids)s::oid[])
"""

LIMIT = (
    "select set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', %(rows)s, true)"
)


def by_chunk(reach: Reach, table: str) -> sql.Composed:
    """Return the query of (chunk, its schema and name, the person's rows in it) of each chunk that has any."""
    return sql.SQL("""
        select c.oid, n.nspname, c.relname, f.rows
          from (select t.tableoid as oid, count(*) as rows from {table} as t where {rows} group by 1) as f
          join pg_class c on c.oid = f.oid join pg_namespace n on n.oid = c.relnamespace""").format(
        table=sql_name(table), rows=owned(reach, table)
    )


def batches(reach: Reach, table: str, pairs: Iterable[tuple[str, str]]) -> sql.Composed:
    """Return the query of (batches, rows in them, rows beside them) of the person in these chunks.

    Each pair is a chunk and what it was compressed into, which has the person's column as the chunk has it. With `only`
    TimescaleDB reads a chunk without its batches.
    """
    rows = owned(reach, table)
    each = sql.SQL(" union all ").join(
        sql.SQL("""
        select (select count(*) from {inside} as t where {rows}) as batches,
               (select coalesce(sum(t._ts_meta_count), 0) from {inside} as t where {rows}) as packed,
               (select count(*) from only {chunk} as t where {rows}) as loose""").format(
            inside=sql_name(inside), chunk=sql_name(chunk), rows=rows
        )
        for chunk, inside in pairs
    )
    return sql.SQL(
        "select sum(batches)::bigint, sum(packed)::bigint, sum(loose)::bigint from ({}) as each"
    ).format(each)


def let_go(reach: Reach, table: str) -> sql.Composed:
    """Return the statement that deletes the person's rows.

    Alone and without RETURNING: so TimescaleDB deletes whole batches by one value, and takes none of them apart.
    """
    return sql.SQL("delete from {table} as t where {rows}").format(
        table=sql_name(table), rows=owned(reach, table)
    )
