"""The questions that `catalog.py` asks pg_catalog. Never information_schema, which is slow and has no unique names.

Each is one scan without a correlated subquery; names are put together in Python, where that is ten times faster.
Those about code stand in `statements_of_code.py`.
Left out: PostgreSQL's own schemas, ours, and what the extension TimescaleDB has made for itself: by what PostgreSQL
notes of it, never by a name, which anybody may give to a schema of theirs.
"""

from typing import LiteralString

# What names of types and texts of bounds depend on, for one transaction.
SESSION: LiteralString = """
    select set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true),
           set_config('search_path', 'pg_catalog, pg_temp', true)
"""

FACTS: LiteralString = """
    select (select system_identifier from pg_control_system())::text, current_database(),
           current_setting('server_version_num')::int / 10000,
           exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                    where n.nspname = 'lifecycle' and c.relname = 'detached'
                      and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')),
           case when current_setting('archive_mode') <> 'off'
                then extract(epoch from current_setting('archive_timeout')::interval)::int end
"""

# What was a partition until a rule of retention took it off, and stands alone until it is dropped: of which table. By
# its number, or by its name where the number is of another database, which this one was loaded from.
TAKEN_OFF: LiteralString = """
    with noted as (
        select d.relation, d.name, d.parent, coalesce(to_jsonb(d) ->> 'numbers', here.numbers) = here.numbers as ours
          from lifecycle.detached d,
               (select concat_ws(' ', to_regnamespace('lifecycle')::oid, to_regclass('lifecycle.detached')::oid))
               as here (numbers)
         where d.ended_at is null)
    select c.oid, d.parent
      from noted d
      join pg_class c on c.oid = case when d.ours then d.relation else (
               select o.oid from pg_class o join pg_namespace n on n.oid = o.relnamespace
                where o.relkind in ('r', 'p')
                  and d.name = case when n.nspname = 'public' and position('.' in o.relname) = 0 then o.relname
                                    else n.nspname || '.' || o.relname end) end
     where not c.relispartition
"""

TIMESCALEDB: LiteralString = (
    "select exists (select from pg_extension where extname = 'timescaledb')"
)

# One row for each hypertable, also one without a chunk: its first dimension, and whether it is compressed.
HYPERTABLES: LiteralString = """
    select c.oid, d.column_name, h.compression_enabled
      from timescaledb_information.dimensions d
      join timescaledb_information.hypertables h using (hypertable_schema, hypertable_name)
      join pg_namespace n on n.nspname = d.hypertable_schema
      join pg_class c on c.relnamespace = n.oid and c.relname = d.hypertable_name
     where d.dimension_number = 1
"""

# The bounds of each chunk on its hypertable's first dimension, in UTC. What is moved to another store has none.
CHUNKS: LiteralString = """
    select c.oid, k.range_start::text, k.range_end::text
      from timescaledb_information.chunks k
      join pg_namespace n on n.nspname = k.chunk_schema
      join pg_class c on c.relnamespace = n.oid and c.relname = k.chunk_name
     order by k.range_start, k.range_start_integer, n.nspname, c.relname
"""

# What chunks were compressed into and are read with, and the empty table of the same for each hypertable: of what.
COMPRESSED: LiteralString = """
    with pair (schema, name, of_schema, of_name) as (
        select x.schema_name, x.table_name, k.schema_name, k.table_name
          from _timescaledb_catalog.chunk k join _timescaledb_catalog.chunk x on x.id = k.compressed_chunk_id
         where k.status & 1 = 1
         union all
        select x.schema_name, x.table_name, h.schema_name, h.table_name
          from _timescaledb_catalog.hypertable h
          join _timescaledb_catalog.hypertable x on x.id = h.compressed_hypertable_id)
    select c.oid, o.oid
      from pair
      join pg_namespace n on n.nspname = pair.schema
      join pg_class c on c.relnamespace = n.oid and c.relname = pair.name
      join pg_namespace m on m.nspname = pair.of_schema
      join pg_class o on o.relnamespace = m.oid and o.relname = pair.of_name
"""

# The hypertables that hold what continuous aggregates show.
MATERIALIZED: LiteralString = """
    select c.oid
      from timescaledb_information.continuous_aggregates a
      join pg_namespace n on n.nspname = a.materialization_hypertable_schema
      join pg_class c on c.relnamespace = n.oid and c.relname = a.materialization_hypertable_name
"""

# Whether a hypertable's own file has pages, and rows may stand in it, beside its chunks: even with `only` TimescaleDB
# reads nothing there, unless it is told to restore.
ASTRAY: LiteralString = "select pg_relation_size(to_regclass(%(relation)s)) > 0"

EXTENSIONS: LiteralString = "select extname, extversion from pg_extension order by extname"

# One row per table, partition and view. A partition pending detach is still in pg_inherits, with its flag. A foreign
# table is there as somebody's partition or child. A bound names no column: read without its table, each partition need
# not be opened, nor waited for where somebody has it to himself.
RELATIONS: LiteralString = """
    select c.oid, n.nspname, c.relname, c.relkind::text, c.relispartition, r.rolname,
           c.relrowsecurity, c.relforcerowsecurity, greatest(c.reltuples, 0)::bigint,
           i.inhparent, coalesce(i.inhdetachpending, false), pg_get_expr(c.relpartbound, 0),
           p.partstrat::text, p.partattrs::int2[]
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      join pg_roles r on r.oid = c.relowner
      left join pg_inherits i on i.inhrelid = c.oid and i.inhseqno = 1
      left join pg_partitioned_table p on p.partrelid = c.oid
     where (c.relkind in ('r', 'p', 'v', 'm') or c.relkind = 'f' and i.inhrelid is not null)
       and n.nspname not in ('pg_catalog', 'information_schema', 'lifecycle')
       and n.nspname !~ '^pg_(toast|temp)'
       and c.oid not in (select e.objid from pg_depend e join pg_extension x on x.oid = e.refobjid
                          where e.classid = 'pg_class'::regclass and e.refclassid = 'pg_extension'::regclass
                            and e.deptype = 'e' and x.extname = 'timescaledb')
     order by n.nspname, c.relname
"""

# Who could let himself into the ledger, or past every right: a superuser, a maker of roles, our own roles and whoever
# administers them (ADMIN is a membership), and every member of one of these, however far. Each membership counts,
# whatever its options: from 16 on ADMIN gives itself SET, before 16 every member may step in.
POWERFUL: LiteralString = """
    (p.rolsuper or p.rolcreaterole or p.rolbypassrls
     or p.rolname in ('lifecycle', 'lifecycle_ddl', 'lifecycle_owner', 'pg_write_all_data',
                      'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'))
"""
BARRED: LiteralString = f"""
    select r.rolname from pg_roles r
     where r.rolname = any(%(owners)s)
       and exists (select from pg_roles p where {POWERFUL} and pg_has_role(r.oid, p.oid, 'member'))
"""  # noqa: S608 - put together of constants only

COLUMNS: LiteralString = """
    select attrelid, attnum, attname, format_type(atttypid, atttypmod), attnotnull,
           attgenerated <> '', attidentity <> '', coalesce(c.collname, ''),
           atthasdef or exists (select from pg_type t where t.oid = atttypid and t.typdefault is not null)
      from pg_attribute
      left join pg_collation c on c.oid = attcollation and not c.collisdeterministic
     where attrelid = any(%(oids)s) and attnum > 0 and not attisdropped
     order by attrelid, attnum
"""

# conparentid = 0: not the copy that PostgreSQL makes on each partition, on either side.
CONSTRAINTS: LiteralString = """
    select contype::text, conname, conrelid, conkey, confrelid, confkey, confdeltype::text, convalidated
      from pg_constraint
     where contype = 'p' or (contype = 'f' and conparentid = 0)
     order by conname, conrelid
"""

# Each rule by which two rows may be in each other's way, of a table or a part of it: a unique index, an exclusion. By
# name its columns as they stand, and with those of its expressions and its condition; and whether no two rows are alike
# in those: of an index that is valid, over columns alone, and of all rows, those of children by INHERITS too, which a
# query of the table reads.
UNIQUE: LiteralString = """
    select i.indrelid,
           array(select a.attname::text from pg_attribute a
                  where a.attrelid = i.indrelid and a.attnum = any (k.own) and not i.indisexclusion),
           array(select a.attname::text from pg_attribute a
                  where a.attrelid = i.indrelid and (a.attnum = any (k.own) or a.attnum in (
                        select d.refobjsubid from pg_depend d
                         where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid
                           and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid))),
           i.indisunique and i.indisvalid and i.indexprs is null and i.indpred is null and not t.relispartition
           and i.indrelid not in (select h.inhparent from pg_inherits h join pg_class c on c.oid = h.inhrelid
                                   where not c.relispartition)
      from pg_index i join pg_class t on t.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
           cross join lateral (select (i.indkey::int2[])[0:i.indnkeyatts - 1]) as k (own)
     where (i.indisunique or i.indisexclusion) and not x.relispartition and i.indrelid = any (%(oids)s)
     order by i.indrelid, i.indexrelid
"""

POLICIES: LiteralString = "select polrelid, polname from pg_policy order by polrelid, polname"
