"""What is asked and said to keep tables and old partitions in order: the planner's samples, what a partition lacks."""

from typing import LiteralString

from psycopg import sql

from lifecycle.partitions import statements
from lifecycle.postgres.names import sql_name

# When the samples of each parent were drawn, and the newest of its leaves': autovacuum draws those, never the parent's.
ANALYZED = """
    with recursive tree (schema, name, root, relid) as (
        select n.nspname, p.relname, p.oid, p.oid
          from unnest(%(schemas)s::text[], %(tables)s::text[]) as asked (schema, name)
          join pg_namespace n on n.nspname = asked.schema
          join pg_class p on p.relnamespace = n.oid and p.relname = asked.name and p.relkind = 'p'
         union all
        select t.schema, t.name, t.root, i.inhrelid
          from tree t join pg_inherits i on i.inhparent = t.relid and not i.inhdetachpending
    )
    select t.schema, t.name, pg_stat_get_last_analyze_time(t.root), max(greatest(
               pg_stat_get_last_analyze_time(t.relid), pg_stat_get_last_autoanalyze_time(t.relid)))
      from tree t join pg_class c on c.oid = t.relid and c.relkind <> 'p'
     group by t.schema, t.name, t.root
"""

# As its owner, after NAME_BOTH: its policies and rights on columns go, for its parent's come in the same transaction.
_BARE = """
do $$
declare
    child constant regclass := current_setting('lifecycle.child')::regclass;
    found record;
begin
    for found in select polname from pg_policy where polrelid = child loop
        execute format('drop policy %I on %s', found.polname, child);
    end loop;
    for found in
        select distinct case when x.grantee = 0 then 'public'
                             else quote_ident(pg_get_userbyid(x.grantee)) end as grantee
          from pg_attribute a, aclexplode(a.attacl) as x
         where a.attrelid = child
    loop
        execute format('revoke all on %s from %s', child, found.grantee);
    end loop;
    if (select relreplident from pg_class where oid = current_setting('lifecycle.parent')::regclass) = 'd' then
        execute format('alter table %s replica identity default', child);
    end if;
end
$$
"""
MEND: tuple[LiteralString, ...] = (_BARE, statements.CARRY_OVER, statements.CARRY_OVER_ATTACHED)


def analyze_only(table: str) -> sql.Composed:
    """Have the planner draw the samples of a partitioned table anew, and not those of its partitions (from 18 on)."""
    return sql.SQL("analyze only {}").format(sql_name(table))
