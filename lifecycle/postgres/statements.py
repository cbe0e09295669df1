"""The questions that `catalog.py` asks pg_catalog. Never information_schema, which is slow and has no unique names.

Each is one scan without a correlated subquery; names are put together in Python, where that is ten times faster.
Left out: PostgreSQL's own schemas, ours, and TimescaleDB's internal ones (a chunk is no table of its own).
"""

from typing import LiteralString

# What names of types and texts of bounds depend on, for one transaction.
SESSION: LiteralString = """
    select set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true),
           set_config('search_path', 'pg_catalog, pg_temp', true)
"""

FACTS: LiteralString = """
    select (select system_identifier from pg_control_system())::text, current_database(),
           current_setting('server_version_num')::int / 10000
"""

EXTENSIONS: LiteralString = "select extname, extversion from pg_extension order by extname"

# One row per table, partition and view. A partition pending detach is still in pg_inherits, with its flag.
RELATIONS: LiteralString = """
    select c.oid, n.nspname, c.relname, c.relkind::text, c.relispartition, r.rolname,
           c.relrowsecurity, c.relforcerowsecurity, greatest(c.reltuples, 0)::bigint,
           i.inhparent, coalesce(i.inhdetachpending, false), pg_get_expr(c.relpartbound, c.oid),
           p.partstrat::text, p.partattrs::int2[], r.rolsuper
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      join pg_roles r on r.oid = c.relowner
      left join pg_inherits i on i.inhrelid = c.oid and i.inhseqno = 1
      left join pg_partitioned_table p on p.partrelid = c.oid
     where (c.relkind in ('r', 'p', 'v', 'm') or c.relkind = 'f' and c.relispartition)
       and n.nspname not in ('pg_catalog', 'information_schema', 'lifecycle')
       and n.nspname !~ '^(pg_toast|pg_temp|_timescaledb_|timescaledb_)'
     order by n.nspname, c.relname
"""

COLUMNS: LiteralString = """
    select attrelid, attnum, attname, format_type(atttypid, atttypmod), attnotnull,
           attgenerated <> '', attidentity <> ''
      from pg_attribute
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

# Triggers that somebody made: PostgreSQL's own enforce foreign keys, and a partition's copy is its parent's. The digest
# covers all that decides what it does and as whom: definition, state, and the function with its owner and settings.
TRIGGERS: LiteralString = """
    select t.tgrelid, t.tgname, n.nspname, p.proname, t.tgenabled::text, t.tgtype & 1 = 1,
           coalesce(array_to_string(p.proconfig, ',') ~ '(^|,)search_path=', false) or l.lanname in ('c', 'internal'),
           left(encode(sha256(convert_to(jsonb_build_array(
               pg_get_triggerdef(t.oid), t.tgenabled, pg_get_function_identity_arguments(p.oid), l.lanname, p.prosrc,
               p.probin, p.prosecdef, r.rolname, p.proconfig)::text, 'UTF8')), 'hex'), 32)
      from pg_trigger t
      join pg_proc p on p.oid = t.tgfoid
      join pg_namespace n on n.oid = p.pronamespace
      join pg_language l on l.oid = p.prolang
      join pg_roles r on r.oid = p.proowner
     where not t.tgisinternal and t.tgparentid = 0
     order by t.tgrelid, t.tgname
"""

# Rules that rewrite what is done to a table: all but the one that makes a view a view.
RULES: LiteralString = """
    select r.ev_class, r.rulename, r.ev_enabled::text,
           left(encode(sha256(convert_to(jsonb_build_array(pg_get_ruledef(r.oid), r.ev_enabled)::text, 'UTF8')),
                       'hex'), 32)
      from pg_rewrite r
     where r.rulename <> '_RETURN'
     order by r.ev_class, r.rulename
"""

# Functions of an application's that PostgreSQL evaluates when a table is read, planned for or written, as whoever does
# so: of its checks, indexes, statistics, generated columns, partition key, and of its columns' domains and casts.
# PostgreSQL's own are left out (nothing depends on them), and an extension's: no owner of a table can change those.
FUNCTIONS: LiteralString = """
    with used (relid, classid, objid) as (
        select conrelid, 'pg_constraint'::regclass, oid from pg_constraint where contype = 'c' and conrelid <> 0
        union all
        select a.attrelid, 'pg_constraint'::regclass, c.oid
          from pg_constraint c join pg_attribute a on a.atttypid = c.contypid and not a.attisdropped
         where c.contypid <> 0
        union all
        select d.adrelid, 'pg_attrdef'::regclass, d.oid
          from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
         where a.attgenerated <> ''
        union all
        select indrelid, 'pg_class'::regclass, indexrelid from pg_index
        union all
        select stxrelid, 'pg_statistic_ext'::regclass, oid from pg_statistic_ext
        union all
        select partrelid, 'pg_class'::regclass, partrelid from pg_partitioned_table
        union all
        select a.attrelid, 'pg_cast'::regclass, c.oid
          from pg_cast c join pg_attribute a on a.atttypid = c.castsource and not a.attisdropped
         where c.castfunc <> 0
    ), called (relid, funcid) as (
        select u.relid, d.refobjid
          from used u join pg_depend d on (d.classid, d.objid) = (u.classid, u.objid)
         where d.refclassid = 'pg_proc'::regclass
        union
        select u.relid, o.oprcode::oid
          from used u join pg_depend d on (d.classid, d.objid) = (u.classid, u.objid)
          join pg_operator o on o.oid = d.refobjid
         where d.refclassid = 'pg_operator'::regclass)
    select c.relid, n.nspname, p.proname, pg_get_function_identity_arguments(p.oid),
           coalesce(array_to_string(p.proconfig, ',') ~ '(^|,)search_path=', false) or l.lanname in ('c', 'internal'),
           left(encode(sha256(convert_to(jsonb_build_array(pg_get_functiondef(p.oid), r.rolname)::text, 'UTF8')),
                       'hex'), 32)
      from called c
      join pg_proc p on p.oid = c.funcid
      join pg_namespace n on n.oid = p.pronamespace
      join pg_language l on l.oid = p.prolang
      join pg_roles r on r.oid = p.proowner
     where p.prokind = 'f'
       and not exists (select from pg_depend e
                        where (e.classid, e.objid, e.deptype) = ('pg_proc'::regclass, p.oid, 'e'))
     order by 1, 2, 3, 4
"""

POLICIES: LiteralString = "select polrelid, polname from pg_policy order by polrelid, polname"
