"""What is said to a compressed chunk of a hypertable, in which many rows stand in one batch."""

from typing import LiteralString

from psycopg import sql

from lifecycle.holds.gate import Held
from lifecycle.postgres.names import sql_name
from retention import statements_of_rows as of_rows
from retention.rules import Bound

# What this chunk was compressed into, where it was.
INTO: LiteralString = """
    select x.schema_name, x.table_name
      from _timescaledb_catalog.chunk k join _timescaledb_catalog.chunk x on x.id = k.compressed_chunk_id
     where (k.schema_name, k.table_name) = (%(schema)s, %(name)s) and k.status & 1 = 1
"""

LIMIT: LiteralString = (
    "select set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', %(rows)s, true)"
)


def whole(chunk: str, inside: str) -> sql.Composed:
    """Ask how many rows stand in batches of a chunk, and how many beside them, without reading a batch."""
    return sql.SQL(
        "select (select coalesce(sum(_ts_meta_count), 0)::bigint from {}), (select count(*) from only {})"
    ).format(sql_name(inside), sql_name(chunk))


def count(chunk: str, bound: Bound, held: Held) -> sql.Composed:
    """Count the rows of a chunk that are to go."""
    return sql.SQL("select count(*) from {} as t where {}{}").format(
        sql_name(chunk), of_rows.overdue(bound), of_rows.free(bound, held)
    )


def end(chunk: str, bound: Bound, held: Held) -> sql.Composed:
    """Delete them. Alone and without RETURNING: batches of which all rows are to go TimescaleDB deletes whole."""
    return sql.SQL("delete from {} as t where {}{}").format(
        sql_name(chunk), of_rows.overdue(bound), of_rows.free(bound, held)
    )
