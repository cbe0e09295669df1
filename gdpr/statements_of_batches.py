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

# The chunks of a hypertable: what each was compressed into, and by which columns a batch has one value each; else null.
CHUNKS = """
    select k.schema_name, k.table_name, x.schema_name, x.table_name, s.segmentby
      from _timescaledb_catalog.hypertable h
      join _timescaledb_catalog.chunk k on k.hypertable_id = h.id
      join pg_namespace n on n.nspname = k.schema_name
      join pg_class o on o.relnamespace = n.oid and o.relname = k.table_name
      left join _timescaledb_catalog.chunk x on x.id = k.compressed_chunk_id and k.status & 1 = 1
      left join _timescaledb_catalog.compression_settings s on s.relid = o.oid and s.compress_relid is not null
     where (h.schema_name, h.table_name) = (%(schema)s, %(name)s)
"""

LIMIT = (
    "select set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', %(rows)s, true)"
)


def batches(reach: Reach, table: str, chunks: Iterable[tuple[str, str | None]]) -> sql.Composed:
    """Return the query of (batches, rows in them, rows beside them) of the person in each of these chunks.

    Each is told with what it was compressed into, where it was: there a column has the name it has in the chunk. With
    `only` TimescaleDB reads a chunk without its batches.
    """
    rows = owned(reach, table)
    return sql.SQL(" union all ").join(
        sql.SQL("select {inside}, (select count(*) from only {chunk} as t where {rows})").format(
            inside=sql.SQL("0::bigint, 0::bigint")
            if inside is None
            else _INSIDE.format(sql_name(inside), rows),
            chunk=sql_name(chunk),
            rows=rows,
        )
        for chunk, inside in chunks
    )


_INSIDE = sql.SQL(
    "(select count(*) from {0} as t where {1}), (select coalesce(sum(t._ts_meta_count), 0) from {0} as t where {1})"
)


def left(reach: Reach, table: str) -> sql.Composed:
    """Return the query of whether the hypertable shows a row of the person."""
    return sql.SQL("select exists (select from {table} as t where {rows})").format(
        table=sql_name(table), rows=owned(reach, table)
    )


def let_go(reach: Reach, table: str) -> sql.Composed:
    """Return the statement that deletes the person's rows.

    Alone and without RETURNING: so TimescaleDB deletes whole batches by one value, and takes none of them apart.
    """
    return sql.SQL("delete from {table} as t where {rows}").format(
        table=sql_name(table), rows=owned(reach, table)
    )
