"""What is asked and said where a partition ends: taken off its table, finished, dropped. See ends.py."""

from psycopg import sql

from lifecycle.postgres.names import sql_name

# One row for each partition below these tables, at every level, with what ties it to others.
CHILDREN = """
    select n.nspname, c.relname, c.oid::bigint, pg_get_userbyid(c.relowner), c.relkind::text,
           pg_get_expr(c.relpartbound, 0), m.nspname, p.relname, pg_get_userbyid(p.relowner),
           i.inhdetachpending, o.nspname, d.relname,
           coalesce(inbound.by, '[]'),
           (select coalesce(jsonb_agg(distinct jsonb_build_array(fn.nspname, f.relname)), '[]')
              from pg_constraint k
              join pg_class f on f.oid = k.confrelid
              join pg_namespace fn on fn.oid = f.relnamespace
             where k.contype = 'f' and k.conrelid = c.oid and k.confrelid <> c.oid),
           (with recursive whole as (
                select c.oid
                 union all
                select h.inhrelid from whole join pg_inherits h on h.inhparent = whole.oid)
            select coalesce(jsonb_agg(jsonb_build_array(bn.nspname, b.relname, pg_get_userbyid(b.relowner))
                                      order by b.oid <> c.oid, bn.nspname, b.relname), '[]')
              from whole
              join pg_class b on b.oid = whole.oid
              join pg_namespace bn on bn.oid = b.relnamespace
             where b.relowner <> p.relowner)
      from unnest(%(schemas)s::text[], %(tables)s::text[]) as asked (schema, name)
      join pg_namespace t on t.nspname = asked.schema
      join pg_class r on r.relnamespace = t.oid and r.relname = asked.name and r.relkind = 'p'
     cross join lateral (
           with recursive below as (
               select r.oid
                union all
               select h.inhrelid from below join pg_inherits h on h.inhparent = below.oid)
           select oid from below) as parents
      join pg_inherits i on i.inhparent = parents.oid
      join pg_class p on p.oid = i.inhparent and p.relkind = 'p'
      join pg_namespace m on m.oid = p.relnamespace
      join pg_partitioned_table g on g.partrelid = p.oid
      left join pg_class d on d.oid = g.partdefid
      left join pg_namespace o on o.oid = d.relnamespace
      left join (
           select k.confrelid, jsonb_agg(distinct jsonb_build_array(fn.nspname, f.relname,
                      f.relpages::bigint * current_setting('block_size')::int,
                      exists (select from pg_index x
                               where x.indrelid = f.oid and x.indisvalid and x.indpred is null
                                 and (x.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey))) as by
             from pg_constraint k
             join pg_class f on f.oid = k.conrelid
             join pg_namespace fn on fn.oid = f.relnamespace
            where k.contype = 'f' and k.conrelid <> k.confrelid
            group by k.confrelid) as inbound on inbound.confrelid = i.inhrelid
      join pg_class c on c.oid = i.inhrelid
      join pg_namespace n on n.oid = c.relnamespace
     order by 7, 8, 1, 2
"""

# One row for each partition that was taken off and has not ended, as it was and as it is. Where it was noted by the
# numbers of another database, which this one was loaded from, its name says which it is.
RECORDS = """
    select d.relation::bigint, d.name, d.parent, d.bound, d.why, d.begun_at, d.detached_at, d.drop_not_before,
           d.drop_not_before <= clock_timestamp(), n.nspname, c.relname, pg_get_userbyid(c.relowner),
           coalesce(c.relkind::text, ''), coalesce(c.relispartition, false),
           (select coalesce(jsonb_agg(distinct jsonb_build_array(fn.nspname, f.relname)), '[]')
              from pg_constraint k
              join pg_class f on f.oid in (k.confrelid, k.conrelid)
              join pg_namespace fn on fn.oid = f.relnamespace
             where k.contype = 'f' and c.oid in (k.conrelid, k.confrelid) and f.oid <> c.oid),
           array(select b.pubname::text from pg_publication b
                  where b.puballtables
                     or exists (select from pg_publication_rel e where e.prpubid = b.oid and e.prrelid = c.oid)
                     or exists (select from pg_publication_namespace e
                                 where e.pnpubid = b.oid and e.pnnspid = c.relnamespace)
                  order by 1),
           d.lost, d.numbers <> here.numbers
      from lifecycle.detached d
     cross join (select concat_ws(' ', 'lifecycle'::regnamespace::oid, 'lifecycle.detached'::regclass::oid))
           as here (numbers)
      left join pg_class c on c.oid = case when d.numbers = here.numbers then d.relation else (
               select o.oid from pg_class o join pg_namespace s on s.oid = o.relnamespace
                where o.relkind in ('r', 'p')
                  and d.name = case when s.nspname = 'public' and position('.' in o.relname) = 0 then o.relname
                                    else s.nspname || '.' || o.relname end) end
      left join pg_namespace n on n.oid = c.relnamespace
     where d.ended_at is null
     order by d.id
"""

# The bounds of all that was taken off these tables and not attached again, whether it stands still or is gone.
ENDED = """
    select d.parent, d.bound
      from lifecycle.detached d
     where d.parent = any(%(parents)s::text[]) and d.detached_at is not null
       and d.ended is distinct from 'attached again'
"""

NAMES_TAKEN = """
    select n.nspname, c.relname, c.oid::bigint
      from unnest(%(schemas)s::text[], %(tables)s::text[]) as asked (schema, name)
      join pg_namespace n on n.nspname = asked.schema
      join pg_class c on c.relnamespace = n.oid and c.relname = asked.name
"""

PENDING = (
    "select exists (select from pg_inherits where inhrelid = %(relation)s and inhdetachpending)"
)

ATTACHED = "select exists (select from pg_inherits where inhrelid = %(relation)s)"

IS_NAMED = "select to_regclass(format('%%I.%%I', %(schema)s::text, %(name)s::text)) = %(relation)s"

# Fenced as everything is: a run that is held no more is answered null.
BEGIN = "select lifecycle.begin_detach(%(id)s, %(holder)s, %(attempt)s, %(relation)s, %(why)s, %(grace)s)"
NOTE = "select lifecycle.note_detached(%(id)s, %(holder)s, %(attempt)s, %(relation)s)"
END = "select lifecycle.end_detached(%(id)s, %(holder)s, %(attempt)s, %(relation)s, %(how)s)"

NAME_CHILD = """
    select set_config('lifecycle.child', format('%%I.%%I', %(schema)s::text, %(name)s::text), true),
           set_config('lifecycle.parent', format('%%I.%%I', %(parent_schema)s::text, %(parent)s::text), true)
"""

# Nobody but its owner, and the service that archives it, has a right on what stands alone, nor on what hangs below it.
# The service keeps what it has on the table: a person who is forgotten meanwhile is forgotten there, too. And
# no publication that names it sends it on. As its owner, after NAME_CHILD. A publication of somebody else's stays.
RELEASE = """
do $$
declare
    child constant regclass := current_setting('lifecycle.child')::regclass;
    parent constant oid := to_regclass(current_setting('lifecycle.parent'));
    whole constant oid[] := array(select relid::oid from pg_partition_tree(child)) || child::oid;
    found record;
    may record;
begin
    for found in
        select distinct c.oid::regclass as name,
               case when given.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(given.grantee)) end as grantee
          from pg_class c
         cross join lateral (
               select grantee from aclexplode(c.relacl)
                union
               select x.grantee from pg_attribute a, aclexplode(a.attacl) x where a.attrelid = c.oid) as given
         where c.oid = any(whole) and given.grantee <> c.relowner
    loop
        execute format('revoke all on %s from %s cascade', found.name, found.grantee);
    end loop;
    for found in select distinct oid::regclass as name from pg_class where oid = any(whole) loop
        execute format('grant select on %s to lifecycle', found.name);
        for may in
            select a.privilege_type as what from pg_class p, aclexplode(p.relacl) a
             where p.oid = parent and a.grantee = 'lifecycle'::regrole and a.privilege_type in ('DELETE', 'UPDATE')
             union all
            select format('%s (%I)', a.privilege_type, c.attname) from pg_attribute c, aclexplode(c.attacl) a
             where c.attrelid = parent and a.grantee = 'lifecycle'::regrole and a.privilege_type = 'UPDATE'
        loop
            execute format('grant %s on %s to lifecycle', may.what, found.name);
        end loop;
    end loop;
    for found in
        select b.pubname, e.prrelid::regclass as name
          from pg_publication_rel e join pg_publication b on b.oid = e.prpubid
         where e.prrelid = any(whole)
    loop
        begin
            execute format('alter publication %I drop table %s', found.pubname, found.name);
        exception when insufficient_privilege then
            null;
        end;
    end loop;
end
$$
"""


def detach(parent: str, child: str) -> sql.Composed:
    """Take it off, with the table to itself for an instant."""
    return sql.SQL("alter table {} detach partition {}").format(sql_name(parent), sql_name(child))


def detach_concurrently(parent: str, child: str) -> sql.Composed:
    """Take it off beside readers and writers of the table, in two transactions of PostgreSQL's own."""
    return sql.SQL("{} concurrently").format(detach(parent, child))


def finalize(parent: str, child: str) -> sql.Composed:
    """Do the second of these."""
    return sql.SQL("{} finalize").format(detach(parent, child))


def lock(child: str) -> sql.Composed:
    """Let nobody write there any more: what is looked at now is what goes."""
    return sql.SQL("lock table {} in share mode").format(sql_name(child))


def drop(child: str) -> sql.Composed:
    """Drop it; what depends on it is not dropped with it, but refuses."""
    return sql.SQL("drop table {}").format(sql_name(child))


# A row's number wraps around: its upper half is that of now, or one less. Few are as new as the oldest that was under
# way at the detach, and the others are not looked up: the snapshot may be long. What an erasure of ours has changed
# does not count: its evidence was written in the same transaction, and nobody but the service writes evidence.
_NEWER = """
    select count(*), count(*) filter (
               where case when w.whole < s.oldest then false
                          else not pg_visible_in_snapshot(w.whole::text::xid8, s.snapshot) end
                 and r.xmin not in (
                     select e.xmin from lifecycle.evidence e
                      where e.event = 'gdpr.erased'
                        and e.at >= (select d.begun_at from lifecycle.detached d
                                      where d.relation = %(relation)s and d.ended_at is null)))
      from {child} as r
     cross join (select d.snapshot, pg_snapshot_xmin(d.snapshot)::text::numeric as oldest,
                        pg_snapshot_xmax(pg_current_snapshot())::text::numeric as next
                   from lifecycle.detached d where d.relation = %(relation)s and d.ended_at is null) as s
     cross join lateral (select div(s.next, 4294967296) * 4294967296 + r.xmin::text::numeric as number) as n
     cross join lateral (select n.number - case when n.number >= s.next then 4294967296 else 0 end as whole) as w
"""


def count_newer(child: str) -> sql.Composed:
    """Count its rows, and those that somebody has put in, or changed, since it was taken off."""
    return sql.SQL(_NEWER).format(child=sql_name(child))


def count_hung(child: str) -> sql.Composed:
    """Count what hangs below it, and what was attached there since it was taken off."""
    below = sql.SQL("""(select i.xmin from pg_partition_tree({}::regclass) as t
                                      join pg_inherits i on i.inhrelid = t.relid where t.level > 0)""")
    return sql.SQL(_NEWER).format(child=below.format(sql.Literal(sql_name(child).as_string())))
