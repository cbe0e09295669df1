"""What this room asks of a managed database about copies, samples and children. The rows: `statements_of_rows.py`."""

from typing import LiteralString

from psycopg import sql

from lifecycle.partitions.bounds import Holds
from lifecycle.postgres.names import sql_name

# Of the table and of each of its partitions and chunks: a view may be made of a leaf alone. Views made of views count,
# too, and continuous aggregates, of which %(made_by)s says what each is made of and %(shown_by)s shows it. Of a cleared
# column only what reads that column, where PostgreSQL remembers it. What a function reads it does not remember: what
# calls the application's, or one that is given a statement as text, may be made of anything (not `certain`). What
# prints a view would wait for whoever has one of its tables for himself; its tree is read without.
MATERIALISED_FROM = r"""
    with recursive whole (oid) as (
        select to_regclass(%(relation)s)::oid
         union
        select relid from pg_partition_tree(to_regclass(%(relation)s))
         union
        select inhrelid from pg_inherits where inhparent = to_regclass(%(relation)s)),
    aggregate (made_by, shown_by) as (
        select * from unnest(%(made_by)s::oid[], %(shown_by)s::oid[])),
    anything (classid, oid) as (
        select 'pg_proc'::regclass, p.oid
          from pg_proc p
         where p.oid >= 16384
           and (p.proname ~ '^(crosstab|connectby|dblink)' or not exists (
                select from pg_depend e where (e.classid, e.objid, e.deptype) = ('pg_proc'::regclass, p.oid, 'e')))
         union all
        select 'pg_operator'::regclass, o.oid
          from pg_operator o
         where o.oid >= 16384
           and not exists (select from pg_depend e
                            where (e.classid, e.objid, e.deptype) = ('pg_operator'::regclass, o.oid, 'e'))),
    made (oid, certain) as (
        select r.ev_class, true
          from pg_depend d join pg_rewrite r on r.oid = d.objid
         where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
           and d.refobjid in (select oid from whole) and r.ev_class <> d.refobjid
           and (%(column)s::text is null or d.refobjsubid = 0 or exists (
                select from pg_attribute a where a.attrelid = d.refobjid and a.attnum = d.refobjsubid
                                             and a.attname = %(column)s))
         union
        select r.ev_class, false
          from anything f join pg_depend d on (d.refclassid, d.refobjid) = (f.classid, f.oid)
          join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
         union
        select r.ev_class, false
          from pg_rewrite r
         where r.ev_class >= 16384 and r.ev_action::text ~ (
                select ':funcid (' || string_agg(p.oid::text, '|') || ') '
                  from pg_proc p
                 where p.oid < 16384
                   and p.proname ~ '^((query|table|cursor|schema|database)_to_xml(_and_xmlschema)?|ts_stat)$')
         union
        select further.oid, made.certain
          from made
         cross join lateral (
            select r.ev_class
              from pg_depend d join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
             where d.refobjid = made.oid and d.refclassid = 'pg_class'::regclass
             union all
            select shown_by from aggregate where made_by = made.oid) as further (oid)
         where further.oid <> made.oid)
    select n.nspname, c.relname, bool_or(made.certain), bool_or(c.relispopulated), c.relkind = 'm'
      from made join pg_class c on c.oid = made.oid join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'm' or c.oid in (select shown_by from aggregate)
     group by 1, 2, 5 order by 5, 1, 2
"""

# Of which of these leaves, and of the partitioned tables or hypertable above them, the planner keeps samples: of the
# column, or of any where it is null. Samples of expressions and over several columns are not shown to us: where they
# are wanted of something that was looked through once, they count as there.
#   `young`  of the dates that ANALYZE draws now, none is overdue. Where dates have no histogram, the most common ones
#            must be all there were. That speaks for samples alone that were drawn together with them.
#   `kept`   ANALYZE leaves some as they are: of no row, of a column, an index or statistics whose target is 0, of what
#            a partial index works out where no row drawn is in it, of children that are gone.
_SAMPLED = """
    with looked (oid) as (
        select to_regclass(leaf)::oid from unnest(%(leaves)s::text[]) as leaf
         union
        select relid from pg_partition_tree(to_regclass(%(relation)s)) where not isleaf
         union
        select inhparent from pg_inherits where inhparent = to_regclass(%(relation)s)),
    sampled as not materialized (
        select * from pg_stats
         where most_common_vals is not null or histogram_bounds is not null or most_common_elems is not null),
    wanted as not materialized (
        select d.refobjid as relid, d.refobjsubid as attnum,
               i.indpred is not null or e.stxstattarget = 0 or w.attstattarget = 0 or exists (
                   select from pg_attribute x where x.attrelid = i.indexrelid and x.attstattarget = 0) as kept
          from pg_depend d
          left join pg_index i on d.classid = 'pg_class'::regclass and i.indexrelid = d.objid
          left join pg_statistic_ext e on d.classid = 'pg_statistic_ext'::regclass and e.oid = d.objid
          left join pg_attribute w on w.attrelid = e.stxrelid and w.attnum = d.refobjsubid
         where d.refclassid = 'pg_class'::regclass
           and (i.indexprs is not null or e.stxkind && array['m', 'e']::"char"[]))
    select n.nspname, c.relname, exists (
               select from pg_stats s
                where (s.schemaname, s.tablename, s.attname) = (n.nspname, c.relname, %(by)s)
                  and s.inherited = way.above
                  and (s.histogram_bounds is not null
                       or s.null_frac + (select coalesce(sum(f), 0) from unnest(s.most_common_freqs) as f) > 0.999)
                  and case when s.attname = %(by)s then not exists (
                      select from unnest(coalesce(s.most_common_vals::text, '{{}}')::{of}[]
                                         || coalesce(s.histogram_bounds::text, '{{}}')::{of}[]) as sampled
                       where {tells} and sampled < %(before)s) end) as young,
           way.tuples <= 0
           or exists (select from wanted w where w.relid = c.oid and w.kept)
           or exists (select from sampled s join pg_attribute x on x.attrelid = c.oid and x.attname = s.attname
                       where (s.schemaname, s.tablename) = (n.nspname, c.relname)
                         and (x.attstattarget = 0 or s.inherited <> way.above)) as kept
      from looked join pg_class c on c.oid = looked.oid join pg_namespace n on n.oid = c.relnamespace
     cross join lateral (
        select c.relkind = 'p' or count(*) > 0 as above,
               case when c.relkind = 'p' or count(*) = 0 then c.reltuples
                    else sum(greatest(k.reltuples, 0)) end as tuples
          from pg_inherits i join pg_class k on k.oid = i.inhrelid
         where i.inhparent = c.oid) as way
      left join pg_attribute a on a.attrelid = c.oid and a.attname = %(column)s
     where exists (select from sampled s
                    where (s.schemaname, s.tablename) = (n.nspname, c.relname)
                      and s.attname = coalesce(a.attname, s.attname))
        or c.reltuples >= 0 and exists (
               select from wanted w where w.relid = c.oid and w.attnum = coalesce(a.attnum, w.attnum))
     order by 1, 2
"""

HAS_CHILDREN = """
    select exists (select from pg_inherits i join pg_class c on c.oid = i.inhparent
                    where c.relkind = 'r' and i.inhparent = to_regclass(%(relation)s))
"""


# Bytes of tables, each with what hangs below it, indexes included.
SIZES = """
    select asked.name, coalesce((select sum(pg_total_relation_size(t.relid)) from pg_partition_tree(c.oid) t),
                                pg_total_relation_size(c.oid))::bigint
      from unnest(%(names)s::text[], %(spelled)s::text[]) as asked (name, spelled)
      join pg_class c on c.oid = to_regclass(asked.spelled)
"""


def sampled(holds: Holds | None) -> sql.Composed:
    """Ask for samples, and whether the times among them are young: moments, or what a key holds instead."""
    of = sql.SQL("uuid" if holds == "uuidv7" else "bigint" if holds else "timestamptz")
    tells = sql.SQL("true" if holds else "sampled > '-infinity'")
    return sql.SQL(_SAMPLED).format(of=of, tells=tells)


def any_row(table: str) -> sql.Composed:
    """Ask whether a table holds a row, in whichever of its partitions."""
    return sql.SQL("select exists (select from {table})").format(table=sql_name(table))


def any_image(log: str, named: str, values: tuple[str, ...]) -> sql.Composed:
    """Ask whether a log holds values under a name that is none of %(others)s."""
    return sql.SQL("""
        select exists (select from {log} where ({named}::text <> all (%(others)s::text[]) or {named} is null)
                                           and num_nonnulls({values}) > 0)
    """).format(
        log=sql_name(log),
        named=sql.Identifier(named),
        values=sql.SQL(", ").join(map(sql.Identifier, values)),
    )


# Foreign keys that are looked through, row by row, for each row that goes: no index of the table or leaf that points
# here begins with their columns. Small ones are looked through in no time.
UNINDEXED = """
    select n.nspname, c.relname, k.conname,
           array(select a.attname::text from unnest(k.conkey) with ordinality as at (number, place)
                   join pg_attribute a on a.attrelid = k.conrelid and a.attnum = at.number order by at.place),
           pg_relation_size(c.oid) / 1048576
      from pg_constraint k
      join pg_class c on c.oid = k.conrelid and c.relkind = 'r'
      join pg_namespace n on n.oid = c.relnamespace
     where k.contype = 'f' and k.confrelid = to_regclass(%(relation)s)
       and pg_relation_size(c.oid) > 1048576
       and not exists (
           select from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
            where i.indrelid = c.oid and i.indisvalid and i.indpred is null and m.amname in ('btree', 'hash')
              and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)
     order by 5 desc, 1, 2
"""


# What each rule said when it was last carried out.
KEPT = """
    select distinct on (rule) rule, target, seconds, says from lifecycle.rule_kept order by rule, id desc
"""
REMEMBER = """
    insert into lifecycle.rule_kept (rule, target, seconds, says, run_id)
    values (%(rule)s, %(target)s, %(seconds)s, %(says)s, %(run)s)
"""


# How far behind who reads the WAL is in bytes, the furthest of them, and how much WAL was written ever.
BEHIND: LiteralString = """
    select coalesce(max(behind), 0)::bigint, (array_agg(name order by behind desc nulls last))[1],
           pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint
      from (select slot_name::text as name,
                   pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(confirmed_flush_lsn, restart_lsn)) as behind
              from pg_replication_slots where active
             union all
            select application_name, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)
              from pg_stat_replication where replay_lsn is not null) as readers
"""

# The bounds of a chunk of this hypertable, in UTC, as the picture of the catalog has them.
CHUNK: LiteralString = """
    select k.range_start::text, k.range_end::text from timescaledb_information.chunks k
     where (k.chunk_schema, k.chunk_name) = (%(schema)s, %(name)s)
       and (k.hypertable_schema, k.hypertable_name) = (%(table_schema)s, %(table)s)
"""

# Jobs that drop chunks of a hypertable, and after which time.
CHUNK_JOBS: LiteralString = """
    select j.job_id, coalesce(j.config ->> 'drop_after', j.config ->> 'drop_created_before')
      from timescaledb_information.jobs j
     where j.proc_name = 'policy_retention'
       and (j.hypertable_schema, j.hypertable_name) = (%(schema)s, %(name)s)
     order by 1
"""

# Jobs that refresh a continuous aggregate of this hypertable from before %(before)s on, or from its beginning.
REFRESHES: LiteralString = """
    select j.job_id, a.user_view_schema, a.user_view_name, j.config ->> 'start_offset'
      from _timescaledb_catalog.hypertable h
      join _timescaledb_catalog.continuous_agg a on a.raw_hypertable_id = h.id
      join timescaledb_information.jobs j on j.config ->> 'mat_hypertable_id' = a.mat_hypertable_id::text
     where j.proc_name = 'policy_refresh_continuous_aggregate'
       and (h.schema_name, h.table_name) = (%(schema)s, %(name)s)
       and (j.config ->> 'start_offset' is null
            or %(now)s::timestamptz - (j.config ->> 'start_offset')::interval < %(before)s::timestamptz)
     order by 1
"""

# Continuous aggregates: the view that says what one is made of, and the view that shows it.
AGGREGATES: LiteralString = """
    select array_agg(d.oid), array_agg(v.oid)
      from _timescaledb_catalog.continuous_agg a
      join pg_namespace n on n.nspname = a.direct_view_schema
      join pg_class d on d.relnamespace = n.oid and d.relname = a.direct_view_name
      join pg_namespace m on m.nspname = a.user_view_schema
      join pg_class v on v.relnamespace = m.oid and v.relname = a.user_view_name
"""
