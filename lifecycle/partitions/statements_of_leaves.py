"""How each partition is held against its parent: what it opens, what it lacks, and what it alone has."""

# Who may do what with a relation (its owner left out), and its policies without the table's name in them.
_GRANTS = """
    select coalesce(array_agg(distinct format('%%s %%s', x.grantee, x.privilege_type)), '{}') as grants
      from aclexplode(coalesce(RELATION.relacl, acldefault('r', RELATION.relowner))) as x
     where x.grantee <> RELATION.relowner
"""
_POLICIES = """
    select coalesce(array_agg(concat_ws(' ', y.polname, y.polpermissive, y.polcmd, y.polroles::text,
               replace(pg_get_expr(y.polqual, y.polrelid), quote_ident(RELATION.relname) || '.', ''), '/',
               replace(pg_get_expr(y.polwithcheck, y.polrelid), quote_ident(RELATION.relname) || '.', ''))
             order by y.polname), '{}') as policies
      from pg_policy y where y.polrelid = RELATION.oid
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
                   case when own.policies not in ('{{}}', wanted.policies)
                        then 'its policies are not its parent''s' end,
                   case when exists (
                       select from pg_trigger t
                        where t.tgrelid = p.oid and not t.tgisinternal and t.tgtype & 1 = 1 and t.tgenabled <> 'D'
                          and not exists (select from pg_trigger u
                                           where u.tgrelid = c.oid and u.tgparentid = t.oid
                                             and u.tgenabled = t.tgenabled))
                        then 'it lacks a trigger of its parent' end], null) as open,
               array_remove(array[
                   case when own.policies = '{{}}' and wanted.policies <> '{{}}' then 'it has no policies' end,
                   case when not theirs.grants <@ ours.grants
                        then 'it lacks grants of its parent' end], null) as lacking
          from unnest(%(schemas)s::text[], %(tables)s::text[]) as promised (schema, name)
          join pg_namespace n on n.nspname = promised.schema
          join pg_class p on p.relnamespace = n.oid and p.relname = promised.name and p.relkind = 'p'
         cross join lateral ({_GRANTS.replace("RELATION", "p")}) as theirs
         cross join lateral ({_POLICIES.replace("RELATION", "p")}) as wanted
          join pg_inherits i on i.inhparent = p.oid
          join pg_class c on c.oid = i.inhrelid
         cross join lateral ({_GRANTS.replace("RELATION", "c")}) as ours
         cross join lateral ({_POLICIES.replace("RELATION", "c")}) as own)
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
