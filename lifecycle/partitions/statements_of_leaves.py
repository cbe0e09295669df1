"""How each partition is held against its parent: what it opens, what it lacks, and what it alone has."""

# Who may do what with a relation, its owner left out.
_GRANTS = """
    select coalesce(array_agg(distinct format('%%s %%s', x.grantee, x.privilege_type)), '{}') as grants
      from aclexplode(coalesce(RELATION.relacl, acldefault('r', RELATION.relowner))) as x
     where x.grantee <> RELATION.relowner
"""
# One row per partition. `open` holds what lets somebody past the parent or past its triggers; `lacking` what else the
# parent has and the partition has not. A partition with row security and no policy is shut, not open. Another owner is
# let past everything; a superuser is so anyway.
COMPARE = f"""
    with judged as (
        select n.nspname, c.relname,
               array_remove(array[
                   case when c.relowner <> p.relowner and not (select rolsuper from pg_roles where oid = c.relowner)
                        then format('it belongs to %%s, not to %%s', c.relowner::regrole, p.relowner::regrole) end,
                   case when p.relrowsecurity and not c.relrowsecurity then 'row security is off' end,
                   case when p.relforcerowsecurity and not c.relforcerowsecurity then 'row security is not forced' end,
                   case when not ours.grants <@ theirs.grants then 'it grants more than its parent' end,
                   case when exists (
                       select from pg_attribute t, aclexplode(t.attacl) as x
                        where t.attrelid = c.oid and x.grantee <> c.relowner
                          and format('%%s %%s', x.grantee, x.privilege_type) <> all (theirs.grants)
                          and not exists (select from pg_attribute u, aclexplode(u.attacl) as y
                                           where u.attrelid = p.oid and u.attname = t.attname
                                             and (y.grantee, y.privilege_type) = (x.grantee, x.privilege_type)))
                        then 'it grants columns that its parent does not' end,
                   case when exists (
                       select from pg_trigger t
                        where t.tgrelid = p.oid and not t.tgisinternal and t.tgtype & 1 = 1 and t.tgenabled <> 'D'
                          and not exists (select from pg_trigger u
                                           where u.tgrelid = c.oid and u.tgparentid = t.oid
                                             and u.tgenabled = t.tgenabled))
                        then 'it lacks a trigger of its parent' end], null) as open,
               array_remove(array[
                   case when not theirs.grants <@ ours.grants
                        then 'it lacks grants of its parent' end,
                   case when c.relreplident <> p.relreplident and c.relkind <> 'f'
                        then 'its replica identity is another' end], null) as lacking
          from unnest(%(schemas)s::text[], %(tables)s::text[]) as promised (schema, name)
          join pg_namespace n on n.nspname = promised.schema
          join pg_class p on p.relnamespace = n.oid and p.relname = promised.name and p.relkind = 'p'
         cross join lateral ({_GRANTS.replace("RELATION", "p")}) as theirs
          join pg_inherits i on i.inhparent = p.oid
          join pg_class c on c.oid = i.inhrelid
         cross join lateral ({_GRANTS.replace("RELATION", "c")}) as ours)
    select nspname, relname, open, lacking from judged
"""  # noqa: S608 - put together from constants only

# One row per partition with what it alone has that refuses or loses a row which its parent takes. A check that repeats
# its bounds refuses none, nor does its key's `not null`: both are made to attach it without a scan. Rules and triggers
# for each statement are never asked for a row that comes through the parent.
OWN = """
    select n.nspname, c.relname, array(
               select 'the check ' || quote_ident(k.conname) from pg_constraint k
                cross join lateral regexp_replace(' AND ' || pg_get_expr(k.conbin, c.oid), '[()]', '', 'g') as words
                where k.conrelid = c.oid and k.contype = 'c' and k.coninhcount = 0
                  and right(' AND ' || regexp_replace(pg_get_partition_constraintdef(c.oid), '[()]', '', 'g'),
                            length(words)) is distinct from words
             union all
               select 'the foreign key ' || quote_ident(k.conname) from pg_constraint k
                where k.conrelid = c.oid and k.contype = 'f' and k.conparentid = 0
             union all
               select 'not null of ' || quote_ident(a.attname)
                 from pg_attribute a
                 join pg_attribute b on b.attrelid = p.oid and b.attname = a.attname and not b.attnotnull
                where a.attrelid = c.oid and a.attnum > 0 and a.attnotnull and b.attnum <> all (t.partattrs::int2[])
             union all
               select case when x.indisunique then 'the unique index ' else 'the exclusion index ' end
                      || quote_ident(i.relname)
                 from pg_index x join pg_class i on i.oid = x.indexrelid
                where x.indrelid = c.oid and (x.indisunique or x.indisexclusion)
                  and not exists (select from pg_inherits tie where tie.inhrelid = x.indexrelid)
             union all
               select 'the trigger ' || quote_ident(g.tgname) from pg_trigger g
                where g.tgrelid = c.oid and g.tgparentid = 0 and not g.tgisinternal and g.tgtype & 1 = 1
                  and g.tgenabled in ('O', 'A')
             union all
               select 'its rows on another server or in a file' where c.relkind = 'f'
             union all
               select 'no log: a crash empties it' where c.relpersistence = 'u' and p.relpersistence <> 'u'
             order by 1)
      from unnest(%(schemas)s::text[], %(tables)s::text[]) as promised (schema, name)
      join pg_namespace n on n.nspname = promised.schema
      join pg_class p on p.relnamespace = n.oid and p.relname = promised.name and p.relkind = 'p'
      join pg_partitioned_table t on t.partrelid = p.oid
      join pg_inherits h on h.inhparent = p.oid
      join pg_class c on c.oid = h.inhrelid
"""

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
