"""What is said to the table of sealed notes, `lifecycle.erasure`."""

FIND = """
    select request, requests, state, sealed, erased_at, proven_at, tables, person, asked
      from lifecycle.erasure where reference = %(reference)s
     order by state = 'proven', coalesce(proven_at, claimed_at) desc
"""
BEGUN = """
    select reference, person, asked from lifecycle.erasure where state <> 'proven' order by claimed_at, reference
"""
READABLE = """
    select has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where (n.nspname, c.relname) = ('lifecycle', %(table)s)
"""
MARKS = """
    select coalesce(array_agg(distinct person) filter (where person <> ''), '{}'),
           max(coalesce(erased_at, claimed_at)) filter (where person = '')
      from lifecycle.erasure
"""
OF_PERSON = """
    select sealed from lifecycle.erasure where person = %(whose)s and state <> 'proven' order by claimed_at, reference
"""
SEAL = """
    insert into lifecycle.erasure (reference, request, person, asked, requests, state, sealed)
    values (%(reference)s, %(request)s, %(whose)s, %(asked)s, %(requests)s, 'sealed', %(sealed)s)
        on conflict (reference, person) where state <> 'proven' do update
       set sealed = excluded.sealed, asked = excluded.asked
"""
ERASED = """
    update lifecycle.erasure
       set state = 'erased',
           erased_at = case when state = 'sealed' or %(tables)s <> '{}' then clock_timestamp() else erased_at end,
           requests = array(select distinct unnest(requests || %(requests)s::text[]) order by 1),
           tables = (select coalesce(jsonb_object_agg(name, rows), '{}')
                       from (select name, sum(rows::bigint) as rows
                               from (select * from jsonb_each_text(tables)
                                      union all select * from jsonb_each_text(%(tables)s)) as each (name, rows)
                              group by name) as every)
     where reference = %(reference)s and person = %(whose)s and state <> 'proven'
"""
# A request that others were begun under too is left to its own run: nobody could tell here whose it is.
PROVEN = """
    update lifecycle.erasure as e
       set state = 'proven', proven_at = clock_timestamp(), erased_at = coalesce(erased_at, clock_timestamp()),
           sealed = null, proof = %(proof)s
     where person = %(whose)s and state <> 'proven'
    returning case when exists (select from lifecycle.erasure as o
                                 where o.reference = e.reference and o.person <> e.person and o.state <> 'proven')
                   then array_remove(requests, request) else requests end
"""
