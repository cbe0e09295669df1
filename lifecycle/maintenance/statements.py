"""Every statement this room says to a managed database."""

from psycopg import sql

from lifecycle.postgres.names import sql_name

# A view can be refreshed beside its readers if an index tells all of its rows apart, by columns alone (the manual on
# REFRESH MATERIALIZED VIEW: no expression, no WHERE).
VIEWS = """
    select n.nspname, c.relname, pg_get_userbyid(c.relowner), c.relispopulated, pg_relation_size(c.oid),
           exists (select from pg_index i
                    where i.indrelid = c.oid and i.indisunique and i.indimmediate and i.indisvalid
                      and i.indpred is null and i.indexprs is null)
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'm' and n.nspname not like 'pg\\_%%'
     order by 1, 2
"""

# Which materialized view reads which other, also through views that keep no rows.
READS = """
    with recursive reads (reader, read) as (
        select distinct r.ev_class, d.refobjid
          from pg_rewrite r
          join pg_class v on v.oid = r.ev_class and v.relkind in ('v', 'm')
          join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                          and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
    ), through (reader, read) as (
        select reader, read from reads
        union
        select t.reader, r.read from through t join pg_class c on c.oid = t.read and c.relkind = 'v'
                                join reads r on r.reader = t.read
    )
    select rn.nspname, rc.relname, sn.nspname, sc.relname
      from through
      join pg_class rc on rc.oid = reader and rc.relkind = 'm'
      join pg_namespace rn on rn.oid = rc.relnamespace
      join pg_class sc on sc.oid = read and sc.relkind = 'm'
      join pg_namespace sn on sn.oid = sc.relnamespace
     order by 1, 2, 3, 4
"""

# Of the newest runs, each found by its number: monitors ask often, and the evidence of years is long.
LAST = """
    select e.target, max(e.at)
      from (select id from lifecycle.run
             where system = %(system)s and job = 'maintenance.refresh' and attempt > 0
             order by scheduled_for desc limit 100) as r
      join lifecycle.evidence e on e.run_id = r.id
     where e.kind = 'effect' and e.event = %(event)s
     group by e.target
"""

LIMITS = """
    select set_config('lock_timeout', %(lock)s, true), set_config('statement_timeout', %(statement)s, true)
"""

RESET_ROLE = "reset role"

# Of each table that holds rows of its own: what has changed since its samples were drawn, and when that was.
CHANGED = """
    select n.nspname, c.relname, pg_stat_get_mod_since_analyze(c.oid),
           greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid))
      from unnest(%(schemas)s::text[], %(tables)s::text[]) as asked (schema, name)
      join pg_namespace n on n.nspname = asked.schema
      join pg_class c on c.relnamespace = n.oid and c.relname = asked.name
"""


def refresh(view: str, *, beside: bool) -> sql.Composed:
    """Make a materialized view anew, beside its readers if asked."""
    way = sql.SQL("concurrently ") if beside else sql.SQL("")
    return sql.SQL("refresh materialized view {}{}").format(way, sql_name(view))
