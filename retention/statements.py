"""Every statement this room says to a managed database.

`only`, and one leaf at a time: a ctid is an address within one table, and asked of a partitioned parent it
deletes the rows at the same address in every other partition as well.
"""

from psycopg import sql

from lifecycle.postgres.names import sql_name
from lifecycle.postgres.rows import count_and_digest

# Of the table and of each of its partitions: a view may be made of a leaf alone. Views made of views count, too. Of a
# cleared column only what reads that column, where PostgreSQL remembers it. What a function reads it does not remember:
# what calls the application's, or one that is given a statement as text, may be made of anything (not `certain`).
MATERIALISED_FROM = r"""
    with recursive whole (oid) as (
        select to_regclass(%(relation)s)::oid
         union
        select relid from pg_partition_tree(to_regclass(%(relation)s))),
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
        select v.oid, false
          from pg_class v
         where v.relkind in ('v', 'm') and v.oid >= 16384
           and pg_get_viewdef(v.oid) ~ '(query|table|cursor|schema|database)_to_xml(_and_xmlschema)?\(|ts_stat\('
         union
        select r.ev_class, made.certain
          from made join pg_depend d on d.refobjid = made.oid and d.refclassid = 'pg_class'::regclass
          join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
         where r.ev_class <> made.oid)
    select n.nspname, c.relname, bool_or(made.certain), bool_or(c.relispopulated)
      from made join pg_class c on c.oid = made.oid join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'm' group by 1, 2 order by 1, 2
"""

# Of which of these leaves, and of the partitioned tables above them, the planner keeps samples: of the column, or of
# any where it is null. Samples of expressions and over several columns are not shown to us: where they are wanted of
# something that was looked through once, they count as there.
#   `young`  of the dates that ANALYZE draws now, none is overdue. Where dates have no histogram, the most common ones
#            must be all there were. That speaks for samples alone that were drawn together with them.
#   `kept`   ANALYZE leaves some as they are: of no row, of a column, an index or statistics whose target is 0, of what
#            a partial index works out where no row drawn is in it, of children that are gone.
SAMPLED = """
    with looked (oid) as (
        select to_regclass(leaf)::oid from unnest(%(leaves)s::text[]) as leaf
         union
        select relid from pg_partition_tree(to_regclass(%(relation)s)) where not isleaf),
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
                  and s.inherited = (c.relkind = 'p')
                  and (s.histogram_bounds is not null
                       or s.null_frac + (select coalesce(sum(f), 0) from unnest(s.most_common_freqs) as f) > 0.999)
                  and case when s.attname = %(by)s then not exists (
                      select from unnest(coalesce(s.most_common_vals::text, '{}')::timestamptz[]
                                         || coalesce(s.histogram_bounds::text, '{}')::timestamptz[]) as sampled
                       where sampled > '-infinity' and sampled < %(before)s) end) as young,
           c.reltuples <= 0
           or exists (select from wanted w where w.relid = c.oid and w.kept)
           or exists (select from sampled s join pg_attribute x on x.attrelid = c.oid and x.attname = s.attname
                       where (s.schemaname, s.tablename) = (n.nspname, c.relname)
                         and (x.attstattarget = 0 or s.inherited <> (c.relkind = 'p'))) as kept
      from looked join pg_class c on c.oid = looked.oid join pg_namespace n on n.oid = c.relnamespace
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


def overdue(by: str, column: str | None) -> sql.Composed:
    """The condition of an overdue row. A row without a date, or dated -infinity, is none."""
    return sql.SQL("{by} < %(before)s and {by} > '-infinity'{filled}").format(
        by=sql.Identifier(by), filled=_filled(column)
    )


def count_overdue(leaf: str, by: str, column: str | None, key: tuple[str, ...]) -> sql.Composed:
    """Count the overdue rows of one leaf, with a digest of their keys that does not depend on their order."""
    return sql.SQL("""
        select {counted}
          from only {leaf} as t where {overdue}
    """).format(
        leaf=sql_name(leaf), overdue=overdue(by, column), counted=count_and_digest("t", key)
    )


def count_undated(leaf: str, by: str, column: str | None) -> sql.Composed:
    """Count the rows of one leaf that no rule can reach, as they have no date."""
    return sql.SQL(
        "select count(*) from only {leaf} where ({by} is null or {by} = '-infinity'){filled}"
    ).format(leaf=sql_name(leaf), by=sql.Identifier(by), filled=_filled(column))


def expire(leaf: str, by: str, column: str | None) -> sql.Composed:
    """Delete up to %(limit)s overdue rows of one leaf, or clear their column. Passes locked rows over.

    The condition stands there twice: a row that changed between the choice and the deed is left alone.
    """
    verb = (
        sql.SQL("delete from only {leaf}")
        if column is None
        else sql.SQL("update only {leaf} set {column} = null")
    )
    deed = verb.format(
        leaf=sql_name(leaf), **({} if column is None else {"column": sql.Identifier(column)})
    )
    return sql.SQL("""
        with chosen as materialized (
            select ctid from only {leaf} where {overdue} limit %(limit)s for update skip locked)
        {deed} where ctid = any (array(select ctid from chosen)) and {overdue}
    """).format(leaf=sql_name(leaf), overdue=overdue(by, column), deed=deed)


def _filled(column: str | None) -> sql.Composable:
    if column is None:
        return sql.SQL("")
    return sql.SQL(" and {column} is not null").format(column=sql.Identifier(column))
