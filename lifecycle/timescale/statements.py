"""Every statement this room says to a managed database."""

from typing import LiteralString

from psycopg import sql

from lifecycle.postgres.names import sql_name

# The edition; whether the notes are those that are known here, where a chunk's settings are told by the chunk;
# and the extension's own function, of which nobody else can have another under its schema, name and types. Whoever made
# the extension may take it out and add one of his own: not one in C, which only a superuser makes.
_FUNCTION: LiteralString = """(
    select array_agg(array[n.nspname::text, array_to_string(p.proargtypes::regtype[], ',')])
      from pg_extension e
      join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e'
                      and d.classid = 'pg_proc'::regclass
      join pg_proc p on p.oid = d.objid and p.proname = 'NAME' and p.prokind = 'f'
      join pg_language l on l.oid = p.prolang and l.lanname = 'c'
      join pg_namespace n on n.oid = p.pronamespace
     where e.extname = 'timescaledb')
"""
ENGINE: LiteralString = f"""
    select current_setting('timescaledb.license', true),
           exists (select from pg_attribute
                    where attrelid = to_regclass('_timescaledb_catalog.compression_settings')
                      and attname = 'compress_relid' and not attisdropped),
           {_FUNCTION.replace("NAME", "compress_chunk")}
"""  # noqa: S608 - put together from constants only

# The extension's own function that takes a chunk apart, looked up alike.
APART_BY: LiteralString = f"select {_FUNCTION.replace('NAME', 'decompress_chunk')}"

# Whether a chunk is compressed still, and the number of this transaction as rows have it.
IS_APART: LiteralString = """
    select k.status & 1 = 1, (pg_current_xact_id()::text::bigint & 4294967295)::text
      from _timescaledb_catalog.chunk k where (k.schema_name, k.table_name) = (%(schema)s, %(name)s)
"""

# How long a chunk made now is, in seconds, and how the table is compressed, where it is.
TABLES: LiteralString = """
    select h.hypertable_schema, h.hypertable_name, extract(epoch from d.time_interval)::bigint,
           s.relid is not null, s.segmentby, s.orderby, s.orderby_desc, s.orderby_nullsfirst
      from unnest(%(schemas)s::text[], %(tables)s::text[]) as asked (schema, name)
      join timescaledb_information.hypertables h
        on (h.hypertable_schema, h.hypertable_name) = (asked.schema, asked.name)
      join timescaledb_information.dimensions d using (hypertable_schema, hypertable_name)
      left join _timescaledb_catalog.compression_settings s
        on s.relid = to_regclass(format('%%I.%%I', asked.schema, asked.name)) and h.compression_enabled
     where d.dimension_number = 1
"""

# Bits of a status: 1 compressed, 8 partial (rows came since). What was moved to another store is not among them.
# Python's calendar ends in 9999, and begins in the year 1.
CHUNKS: LiteralString = """
    select k.hypertable_schema, k.hypertable_name, k.chunk_schema, k.chunk_name,
           greatest(k.range_start, '0001-01-02Z'::timestamptz), least(k.range_end, '9999-12-30Z'::timestamptz),
           c.status & 1 = 1, c.status & 8 = 8, s.segmentby, s.orderby, s.orderby_desc, s.orderby_nullsfirst
      from unnest(%(schemas)s::text[], %(tables)s::text[]) as asked (schema, name)
      join timescaledb_information.chunks k
        on (k.hypertable_schema, k.hypertable_name) = (asked.schema, asked.name)
      join _timescaledb_catalog.chunk c on (c.schema_name, c.table_name) = (k.chunk_schema, k.chunk_name)
      left join _timescaledb_catalog.compression_settings s
        on s.relid = to_regclass(format('%%I.%%I', k.chunk_schema, k.chunk_name)) and s.compress_relid is not null
     where k.range_end is not null
     order by k.range_start, k.chunk_schema, k.chunk_name
"""

# The chunk that is compressed into this relation.
WHOSE_BATCHES: LiteralString = """
    select k.schema_name, k.table_name
      from _timescaledb_catalog.chunk k join _timescaledb_catalog.chunk x on x.id = k.compressed_chunk_id
     where (x.schema_name, x.table_name) = (%(schema)s, %(name)s) and k.status & 1 = 1
"""

# Jobs of the extension's that compress: the time after which, in seconds where it counts from a chunk's end.
JOBS: LiteralString = """
    select j.hypertable_schema, j.hypertable_name, j.job_id,
           coalesce(j.config ->> 'compress_after', j.config ->> 'compress_created_before'),
           extract(epoch from (j.config ->> 'compress_after')::interval)::bigint
      from unnest(%(schemas)s::text[], %(tables)s::text[]) as asked (schema, name)
      join timescaledb_information.jobs j
        on (j.hypertable_schema, j.hypertable_name) = (asked.schema, asked.name)
     where j.proc_name = 'policy_compression'
     order by 3
"""


def settings(table: str, segment_by: tuple[str, ...], order_by: str) -> sql.Composed:
    """Say how chunks of a table are compressed from now on. TimescaleDB reads both texts as SQL."""
    return sql.SQL(
        "alter table {} set (timescaledb.compress, timescaledb.compress_segmentby = {},"
        " timescaledb.compress_orderby = {})"
    ).format(sql_name(table), sql.Literal(listed(segment_by)), sql.Literal(order_by))


def is_empty(relation: str) -> sql.Composed:
    """Return the query of whether a relation has no row."""
    return sql.SQL("select not exists (select from {})").format(sql_name(relation))


def listed(columns: tuple[str, ...]) -> str:
    """Return names of columns as SQL has them, between commas."""
    return ", ".join(sql.Identifier(column).as_string(None) for column in columns)


def compress(schema: str, chunk: str, *, again: bool) -> sql.Composed:
    """Compress a chunk, and one that is compressed once more. Each argument has the very type that was looked up."""
    return sql.SQL("select {}({}::pg_catalog.regclass, true, {}::pg_catalog.bool)").format(
        sql.Identifier(schema, "compress_chunk"),
        sql.Literal(sql_name(chunk).as_string(None)),
        sql.Literal(again),
    )


def take_apart(schema: str, chunk: str) -> sql.Composed:
    """Take a compressed chunk apart; one that is not compressed stays as it is. Each argument has its very type."""
    return sql.SQL("select {}({}::pg_catalog.regclass, true)").format(
        sql.Identifier(schema, "decompress_chunk"),
        sql.Literal(sql_name(chunk).as_string(None)),
    )
