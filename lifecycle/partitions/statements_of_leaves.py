"""How each partition is held against its parent: what it opens, what it lacks, and what it alone has."""

# Every partition with its parent, whichever table it is of: read at once, as looking each one up costs more.
_PAIRS = """
    with pair as materialized (
        select n.nspname, c.relname, c.oid, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity,
               c.relreplident, c.relkind, c.relpersistence, p.oid as parent, p.relowner as p_owner, p.relacl as p_acl,
               p.relrowsecurity as p_rls, p.relforcerowsecurity as p_forced, p.relreplident as p_replident,
               p.relpersistence as p_persistence, m.nspname as p_schema, p.relname as p_name
          from pg_inherits i
          join pg_class c on c.oid = i.inhrelid and c.relkind in ('r', 'p', 'f')
          join pg_class p on p.oid = i.inhparent and p.relkind = 'p'
          join pg_namespace n on n.oid = c.relnamespace
          join pg_namespace m on m.oid = p.relnamespace)
"""
_PROMISED = """
    (p_schema, p_name) in (select * from unnest(%(schemas)s::name[], %(tables)s::name[]))
"""

# Who may do what with a relation, its owner left out. Looked into only where what is written there is another.
_GRANTS = """
    (select coalesce(array_agg(distinct format('%%s %%s', x.grantee, x.privilege_type)), '{}')
       from aclexplode(coalesce(ACL, acldefault('r', OWNER))) as x
      where x.grantee <> OWNER)
"""
_OURS = _GRANTS.replace("ACL", "c.relacl").replace("OWNER", "c.relowner")
_THEIRS = _GRANTS.replace("ACL", "c.p_acl").replace("OWNER", "c.p_owner")
_ACLS = """
    coalesce(c.relacl, acldefault('r', c.relowner)) {} coalesce(c.p_acl, acldefault('r', c.p_owner))
"""
_OTHERWISE = f"not ({_ACLS.format('<@')} and {_ACLS.format('@>')})"

# What a partition alone has that refuses or loses a row which its parent takes. A check that repeats its bounds refuses
# none, nor does its key's `not null`: both are made to attach it without a scan. Rules and triggers for each statement
# are never asked for a row that comes through the parent.
_OWN = """
    own (oid, what) as (
        select c.oid, 'the check ' || quote_ident(k.conname)
          from pair c join pg_constraint k on k.conrelid = c.oid
         cross join lateral regexp_replace(' AND ' || pg_get_expr(k.conbin, c.oid), '[()]', '', 'g') as words
         where k.contype = 'c' and k.coninhcount = 0
           and right(' AND ' || regexp_replace(pg_get_partition_constraintdef(c.oid), '[()]', '', 'g'),
                     length(words)) is distinct from words
        union all
        select c.oid, 'the foreign key ' || quote_ident(k.conname)
          from pair c join pg_constraint k on k.conrelid = c.oid
         where k.contype = 'f' and k.conparentid = 0
        union all
        select c.oid, 'not null of ' || quote_ident(a.attname)
          from pair c
          join pg_partitioned_table t on t.partrelid = c.parent
          join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and a.attnotnull
          join pg_attribute b on b.attrelid = c.parent and b.attname = a.attname and not b.attnotnull
         where b.attnum <> all (t.partattrs::int2[])
        union all
        select c.oid, case when x.indisunique then 'the unique index ' else 'the exclusion index ' end
                      || quote_ident(i.relname)
          from pair c
          join pg_index x on x.indrelid = c.oid and (x.indisunique or x.indisexclusion)
          join pg_class i on i.oid = x.indexrelid
         where not exists (select from pg_inherits tie where tie.inhrelid = x.indexrelid)
        union all
        select c.oid, 'the trigger ' || quote_ident(g.tgname)
          from pair c join pg_trigger g on g.tgrelid = c.oid
         where g.tgparentid = 0 and not g.tgisinternal and g.tgtype & 1 = 1 and g.tgenabled in ('O', 'A')
        union all
        select c.oid, 'its rows on another server or in a file' from pair c where c.relkind = 'f'
        union all
        select c.oid, 'no log: a crash empties it'
          from pair c where c.relpersistence = 'u' and c.p_persistence <> 'u')
"""

# One row per partition. `open` holds what lets somebody past the parent or past its triggers; `lacking` what else the
# parent has and the partition has not; `own` what the partition alone has. With row security and no policy it is shut,
# not open. Another owner is let past everything; a superuser is so anyway.
COMPARE = f"""
    {_PAIRS}, {_OWN}
    select c.nspname, c.relname,
           array_remove(array[
               case when c.relowner <> c.p_owner and not (select rolsuper from pg_roles where oid = c.relowner)
                    then format('it belongs to %%s, not to %%s', c.relowner::regrole, c.p_owner::regrole) end,
               case when c.p_rls and not c.relrowsecurity then 'row security is off' end,
               case when c.p_forced and not c.relforcerowsecurity then 'row security is not forced' end,
               case when {_OTHERWISE} and not {_OURS} <@ {_THEIRS} then 'it grants more than its parent' end,
               case when exists (select from pg_attribute t
                                  where t.attrelid = c.oid and t.attnum > 0 and t.attacl is not null) and exists (
                   select from pg_attribute t, aclexplode(t.attacl) as x
                    where t.attrelid = c.oid and x.grantee <> c.relowner
                      and not array[format('%%s %%s', x.grantee, x.privilege_type)] <@ {_THEIRS}
                      and not exists (select from pg_attribute u, aclexplode(u.attacl) as y
                                       where u.attrelid = c.parent and u.attname = t.attname
                                         and (y.grantee, y.privilege_type) = (x.grantee, x.privilege_type)))
                    then 'it grants columns that its parent does not' end,
               case when c.parent in (select tgrelid from pg_trigger where not tgisinternal) and exists (
                   select from pg_trigger t
                    where t.tgrelid = c.parent and not t.tgisinternal and t.tgtype & 1 = 1 and t.tgenabled <> 'D'
                      and not exists (select from pg_trigger u
                                       where u.tgrelid = c.oid and u.tgparentid = t.oid
                                         and u.tgenabled = t.tgenabled))
                    then 'it lacks a trigger of its parent' end], null) as open,
           array_remove(array[
               case when {_OTHERWISE} and not {_THEIRS} <@ {_OURS} then 'it lacks grants of its parent' end,
               case when c.relreplident <> c.p_replident and c.relkind <> 'f'
                    then 'its replica identity is another' end], null) as lacking,
           coalesce(alone.own, '{{}}') as own
      from pair c
      left join (select oid, array_agg(what order by what) as own from own group by oid) as alone on alone.oid = c.oid
     where {_PROMISED}
"""  # noqa: S608 - put together from constants only

# One row for each of these parents and of its partitions, where either has policies: the columns by number, the row's
# type, and the policies as PostgreSQL has parsed them.
_TREES = """
    select pair.parent, pair.oid, n.nspname, c.relname, c.reltype::text,
           array(select a.attname::text from pg_attribute a
                  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum),
           array(select a.attnum::int from pg_attribute a
                  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum),
           coalesce((select jsonb_agg(jsonb_build_array(y.polname, y.polpermissive, y.polcmd, y.polroles::oid[],
                                                        y.polqual::text, y.polwithcheck::text) order by y.polname)
                       from pg_policy y where y.polrelid = c.oid), '[]')
      from (PAIRS) as pair (parent, oid)
      join pg_class c on c.oid = pair.oid
      join pg_namespace n on n.oid = c.relnamespace
     order by pair.parent, pair.oid <> pair.parent, pair.oid
"""
TREES = _TREES.replace(
    "PAIRS",
    """
        select p.oid as parent, unnest(array[p.oid] || array(select inhrelid from pg_inherits where inhparent = p.oid))
          from unnest(%(schemas)s::text[], %(tables)s::text[]) as promised (schema, name)
          join pg_namespace m on m.nspname = promised.schema
          join pg_class p on p.relnamespace = m.oid and p.relname = promised.name and p.relkind = 'p'
         where exists (select from pg_policy where polrelid = p.oid)
            or exists (select from pg_policy join pg_inherits on inhrelid = polrelid where inhparent = p.oid)
    """,
)
TREES_OF_BOTH = _TREES.replace(
    "PAIRS",
    """
        select current_setting('lifecycle.parent')::regclass::oid, current_setting(which)::regclass::oid
          from unnest(array['lifecycle.parent', 'lifecycle.child']) as which
    """,
)
TREES_OF_PAIRS = _TREES.replace(
    "PAIRS",
    """
        select distinct p.oid as parent, one.oid
          from unnest(%(parents)s::text[], %(children)s::text[]) as named (parent, child)
          join pg_namespace m on m.nspname = %(schema)s
          join pg_class p on p.relnamespace = m.oid and p.relname = named.parent
          join pg_class h on h.relnamespace = m.oid and h.relname = named.child
         cross join lateral unnest(array[p.oid, h.oid]) as one (oid)
         where exists (select from pg_policy where polrelid in (p.oid, h.oid))
    """,
)
