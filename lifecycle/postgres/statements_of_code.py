"""The questions about code of an application's that runs in statements of ours: what it is, and which version of it.

All names are PostgreSQL's own. Objects below oid 16384 are PostgreSQL's, and an extension's functions are a
superuser's: no owner of a table can change either. Whoever owns an extension can make functions of his own its members
(`alter extension .. add function`): those are his, and count as his.
"""

from typing import LiteralString

# Said first in a transaction that begins in whatever way its connection begins one.
LOOK_ONLY: LiteralString = "set transaction isolation level repeatable read, read only"

# Triggers that somebody made: PostgreSQL's own enforce foreign keys, a partition's copy is its parent's, TimescaleDB's
# own no application makes or changes. The digest covers all that decides what it does and as whom: definition, state,
# and the function with its owner and settings. The last: its definition without its table, by which a copy is known.
TRIGGERS: LiteralString = """
    select t.tgrelid, p.oid, t.tgname, n.nspname, p.proname, t.tgenabled::text, t.tgtype & 1 = 1, t.tgtype & 16 = 16,
           coalesce(array_to_string(p.proconfig, ',') ~ '(^|,)search_path=', false) or l.lanname in ('c', 'internal'),
           left(encode(sha256(convert_to(jsonb_build_array(
               pg_get_triggerdef(t.oid), t.tgenabled, pg_get_function_identity_arguments(p.oid), l.lanname, p.prosrc,
               p.probin, p.prosecdef, r.rolname, p.proconfig)::text, 'UTF8')), 'hex'), 32),
           t.tgenabled::text || replace(pg_get_triggerdef(t.oid),
                                  ' ON ' || quote_ident(m.nspname) || '.' || quote_ident(c.relname) || ' ', ' ON ')
      from pg_trigger t
      join pg_class c on c.oid = t.tgrelid
      join pg_namespace m on m.oid = c.relnamespace
      join pg_proc p on p.oid = t.tgfoid
      join pg_namespace n on n.oid = p.pronamespace
      join pg_language l on l.oid = p.prolang
      join pg_roles r on r.oid = p.proowner
     where not t.tgisinternal and t.tgparentid = 0
       and not exists (select from pg_depend e join pg_extension x on x.oid = e.refobjid
                        where (e.classid, e.objid, e.deptype) = ('pg_proc'::regclass, p.oid, 'e')
                          and x.extname = 'timescaledb')
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

# Functions that PostgreSQL evaluates when a table is read, planned for or written, as whoever does so: of its checks,
# indexes, statistics, generated columns, partition key, rules and triggers' conditions, and of its columns' types and
# what these are made of: checks of domains, casts, ranges. A cast may be one of whole rows. Of a type of PostgreSQL's
# own nobody below a superuser makes a cast to another such. A cast to such a type counts where what it is made from is
# PostgreSQL's own or of the same table: from a type of his own anybody may make one, and a decoy stops nobody.
_CALLED: LiteralString = """
    with recursive typed (relid, typid) as (
        select a.attrelid, a.atttypid
          from pg_attribute a where a.atttypid >= 16384 and a.attnum > 0 and not a.attisdropped
        union
        select t.relid, part.typid
          from typed t join pg_type y on y.oid = t.typid
          cross join lateral (
              select y.typbasetype union all select y.typelem
              union all select g.rngsubtype from pg_range g where g.rngtypid = y.oid
              union all select g.rngtypid from pg_range g where g.rngmultitypid = y.oid
              union all select a.atttypid from pg_attribute a
                         where a.attrelid = y.typrelid and a.attnum > 0 and not a.attisdropped) as part (typid)
         where part.typid >= 16384
    ), used (relid, classid, objid) as (
        select conrelid, 'pg_constraint'::regclass, oid from pg_constraint where contype = 'c' and conrelid <> 0
        union all
        select t.relid, 'pg_constraint'::regclass, c.oid from typed t join pg_constraint c on c.contypid = t.typid
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
        select ev_class, 'pg_rewrite'::regclass, oid from pg_rewrite where rulename <> '_RETURN'
        union all
        select tgrelid, 'pg_trigger'::regclass, oid from pg_trigger where tgqual is not null and not tgisinternal
        union all
        select t.relid, 'pg_type'::regclass, t.typid from typed t join pg_range g on g.rngtypid = t.typid
        union all
        select t.relid, 'pg_cast'::regclass, c.oid
          from typed t join pg_cast c on c.castsource = t.typid where c.castfunc <> 0
        union all
        select t.relid, 'pg_cast'::regclass, c.oid
          from typed t join pg_cast c on c.casttarget = t.typid
         where c.castfunc <> 0
           and (c.castsource < 16384 or exists (select from typed s where (s.relid, s.typid) = (t.relid, c.castsource)))
        union all
        select t.oid, 'pg_cast'::regclass, c.oid
          from pg_cast c join pg_class t on t.reltype = c.castsource where c.castfunc <> 0 and c.oid >= 16384
        union all
        select t.oid, 'pg_cast'::regclass, c.oid
          from pg_cast c join pg_class t on t.reltype = c.casttarget
         where c.castfunc <> 0 and c.oid >= 16384 and c.castsource < 16384
    ), called (relid, funcid) as (
        select u.relid, d.refobjid
          from used u join pg_depend d on (d.classid, d.objid) = (u.classid, u.objid)
         where d.refclassid = 'pg_proc'::regclass
        union
        select u.relid, o.oprcode::oid
          from used u join pg_depend d on (d.classid, d.objid) = (u.classid, u.objid)
          join pg_operator o on o.oid = d.refobjid
         where d.refclassid = 'pg_operator'::regclass
    ), made (relid, castid, funcid, version) as (
        select distinct u.relid, k.oid, k.castfunc, k.oid || ' ' || k.xmin
          from used u join pg_cast k on k.oid = u.objid
         where u.classid = 'pg_cast'::regclass and k.oid >= 16384)
"""
_OURS: LiteralString = """
    p.oid >= 16384 and p.prokind <> 'a' and p.prorettype <> 'trigger'::regtype
       and not exists (select from pg_depend e
                        where (e.classid, e.objid, e.deptype) = ('pg_proc'::regclass, p.oid, 'e')
                          and (select rolsuper from pg_roles where oid = p.proowner))
"""

# What the functions %(of)s name in their turn, and so on: every function called `schema.name` in the source, or `name`
# alone where its schema is in the search path that the function, or whoever calls it, pins; with whichever arguments.
# Others of that name are another's: a decoy stops nobody. One digest over all of them for each function that names any.
NAMED: LiteralString = r"""
    with recursive ours (oid, schema, name) as materialized (
        select p.oid, lower(n.nspname), lower(p.proname)
          from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where p.oid >= 16384 and p.prokind <> 'a'
           and not exists (select from pg_depend e
                            where (e.classid, e.objid, e.deptype) = ('pg_proc'::regclass, p.oid, 'e')
                              and (select rolsuper from pg_roles where oid = p.proowner))
    ), reached (root, funcid, path) as (
        select p.oid, p.oid, coalesce((select c from unnest(p.proconfig) as c where c like 'search_path=%%'), '')
          from pg_proc p where p.oid = any (%(of)s::oid[])
        union
        select r.root, o.oid, coalesce((select c from unnest(o.proconfig) as c where c like 'search_path=%%'), r.path)
          from reached r join pg_proc p on p.oid = r.funcid
          cross join lateral (select regexp_replace(replace(lower(concat_ws(' ',
              p.prosrc, pg_get_function_sqlbody(p.oid), pg_get_expr(p.proargdefaults, 0))), '"', ''),
              '\s*\.\s*', '.', 'g')) as d (text)
          cross join lateral (
              select f.oid from regexp_split_to_table(d.text, '[^[:alnum:]_$.]+') as word
                join ours f on f.name = regexp_replace(word, '^.*\.', '')
               where '.' || word like '%%.' || replace(replace(f.schema || '.' || f.name, '\', '\\'), '_', '\_')
                  or word = f.name and (strpos(lower(r.path), f.schema) > 0 or strpos(r.path, '$user') > 0)
              union
              select f.oid from ours f
               where f.schema || f.name ~ '[^[:alnum:]_$]' and strpos(d.text, f.name) > 0) as f
          join pg_proc o on o.oid = f.oid
    )
    select r.root, encode(sha256(convert_to(string_agg(distinct
               jsonb_build_array(pg_get_functiondef(p.oid), o.rolname)::text, '' order by
               jsonb_build_array(pg_get_functiondef(p.oid), o.rolname)::text), 'UTF8')), 'hex')
      from reached r join pg_proc p on p.oid = r.funcid join pg_roles o on o.oid = p.proowner
     where r.root <> r.funcid
     group by r.root
"""

# One text that differs when somebody commits a change of any of it, and back again counts: a row's xmin is new then.
# Of functions all; what is called, casts, triggers and rules of tables that others see. A partition that is made
# meanwhile calls what its parent calls.
_VERSIONS = """
    , versions (one) as (
        select 'calls ' || c.funcid
          from called c join pg_class t on t.oid = c.relid
         where c.funcid >= 16384 and t.relpersistence <> 't' group by c.funcid
        union all
        select 'function ' || p.oid || ' ' || p.xmin
          from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where p.oid >= 16384 and n.nspname !~ '^pg_temp_'
        union all
        select distinct 'cast ' || m.version
          from made m join pg_class t on t.oid = m.relid where t.relpersistence <> 't'
        union all
        select 'trigger ' || g.oid || ' ' || g.xmin
          from pg_trigger g join pg_class t on t.oid = g.tgrelid
         where not g.tgisinternal and g.tgparentid = 0 and t.relpersistence <> 't'
        union all
        select 'rule ' || r.oid || ' ' || r.xmin
          from pg_rewrite r join pg_class t on t.oid = r.ev_class
         where r.rulename <> '_RETURN' and t.relpersistence <> 't')
    , version (code) as (
        select encode(sha256(convert_to(coalesce(string_agg(one, ',' order by one), ''), 'UTF8')), 'hex') from versions)
"""

VERSIONS: LiteralString = f"{_CALLED} {_VERSIONS} select code from version"  # noqa: S608 - put together from constants only

# Both at once, as what is called is the costly part: the version, and beside it each function with the casts of the
# relation that call it, or nothing.
FUNCTIONS: LiteralString = f"""{_CALLED} {_VERSIONS}
    select v.code, f.*
      from version v
      left join (
        select c.relid, p.oid, n.nspname, p.proname, pg_get_function_identity_arguments(p.oid),
               coalesce(array_to_string(p.proconfig, ',') ~ '(^|,)search_path=', false)
               or l.lanname in ('c', 'internal'),
               left(encode(sha256(convert_to(jsonb_build_array(pg_get_functiondef(p.oid), r.rolname)::text, 'UTF8')),
                           'hex'), 32),
               array(select concat_ws(' ', format_type(k.castsource, null), format_type(k.casttarget, null),
                                      k.castcontext)
                       from made m join pg_cast k on k.oid = m.castid
                      where (m.relid, m.funcid) = (c.relid, p.oid))
          from called c
          join pg_proc p on p.oid = c.funcid
          join pg_namespace n on n.oid = p.pronamespace
          join pg_language l on l.oid = p.prolang
          join pg_roles r on r.oid = p.proowner
         where {_OURS}) as f on true
     order by 2, 4, 5, 6
"""  # noqa: S608 - put together from constants only
