"""What `doctor` asks a managed database. It changes nothing."""

# ruff: noqa: S608 - put together of constants only: each is a LiteralString, and pyright holds that

from typing import LiteralString

from lifecycle.postgres.statements import POWERFUL

LEDGER = """
    select to_regclass('lifecycle.migration') is not null and to_regclass('lifecycle.installation') is not null
"""
INSTALLED = "select system from lifecycle.installation"

# --- what goes out, and who keeps the schedule

ALERTS = """
    select count(*) filter (where delivered_at is null and created_at < clock_timestamp() - interval '1 hour'),
           max(delivered_at)
      from lifecycle.alert where system = %(system)s
"""
KEPT = """
    select max(seen_at), max(seen_at) > clock_timestamp() - %(lives)s
      from lifecycle.daemon where schedules and stopped_at is null
"""

# --- who we are

ROLE = """
    select rolname, rolsuper, rolbypassrls, rolcreaterole or rolcreatedb or rolreplication
      from pg_roles where rolname = current_user
"""

COUNTS = "select setting::bool, source from pg_settings where name = 'track_counts'"

# Whether it is off for our second login alone, whose session is another.
COUNTS_NOT_FOR_DDL = """
    select exists (
        select from pg_db_role_setting s cross join unnest(s.setconfig) as said
         where s.setrole = to_regrole('lifecycle_ddl')::oid
           and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
           and said like 'track_counts=%' and not split_part(said, '=', 2)::bool)
"""

# Whoever may act as one of these may change rows, evidence or rights past us; and the membership that leads there.
MAY_ACT_AS: LiteralString = f"""
    select p.rolname, g.rolname
      from pg_roles p, pg_auth_members a join pg_roles g on g.oid = a.roleid
     where a.member = current_user::regrole and pg_has_role(g.oid, p.oid, 'member') and p.rolname <> current_user
       and ({POWERFUL} or p.rolname = any(%(owners)s))
     group by 1, 2 order by 1, 2
"""
MEMBER = """
    select owner from unnest(%(owners)s::text[]) as owner where not pg_has_role(current_user, owner, 'member')
     order by 1
"""
INHERITED = """
    select owner from unnest(%(owners)s::text[]) as owner where pg_has_role(current_user, owner, 'usage') order by 1
"""
MAY_CREATE = """
    select wanted.owner, wanted.place
      from unnest(%(owners)s::text[], %(schemas)s::text[]) as wanted (owner, place)
     where not has_schema_privilege(wanted.owner, wanted.place, 'create')
"""
# Relations are asked by their oid: by name, PostgreSQL answers with an error where the schema may not be used.
ROWS = """
    select n.nspname, c.relname
      from unnest(%(schemas)s::text[], %(names)s::text[]) as wanted (place, name)
      join pg_namespace n on n.nspname = wanted.place
      join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name
     where has_table_privilege(c.oid, 'select, insert, update, delete, truncate')
        or has_any_column_privilege(c.oid, 'select, insert, update')
     order by 1, 2
"""

# --- what we may

MISSING_SCHEMA_RIGHTS = """
    select place from unnest(%(schemas)s::text[]) as place where not has_schema_privilege(place, 'usage') order by 1
"""
MISSING_TABLE_RIGHTS = """
    select n.nspname, c.relname, wanted.privilege
      from unnest(%(schemas)s::text[], %(names)s::text[], %(privileges)s::text[]) as wanted (place, name, privilege)
      join pg_namespace n on n.nspname = wanted.place
      join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name
     where not has_table_privilege(c.oid, wanted.privilege)
     order by 1, 2, 3
"""
MAY_INSERT = """
    select n.nspname, c.relname
      from unnest(%(schemas)s::text[], %(names)s::text[]) as asked (place, name)
      join pg_namespace n on n.nspname = asked.place
      join pg_class c on c.relnamespace = n.oid and c.relname = asked.name
     where has_table_privilege(c.oid, 'insert')
     order by 1, 2
"""
MISSING_COLUMN_RIGHTS = """
    select n.nspname, c.relname, wanted.column_name
      from unnest(%(schemas)s::text[], %(names)s::text[], %(columns)s::text[]) as wanted (place, name, column_name)
      join pg_namespace n on n.nspname = wanted.place
      join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name
     where not has_column_privilege(c.oid, wanted.column_name, 'update')
     order by 1, 2, 3
"""

# Who may read rows of these hypertables in their chunks, and not, or not as many, in themselves: a chunk has grants, an
# owner, row security and policies of its own. It is shut to all but its owner and who passes row security by, where it
# has this and no policy. Chunks that are alike in all of it are asked once.
CHUNK_READERS = """
    with chunk as (
        select p.oid as whole, c.relowner as owner, c.relnamespace as place, min(c.oid) as one,
               c.relrowsecurity and not exists (select from pg_policy y where y.polrelid = c.oid) as shut
          from unnest(%(schemas)s::text[], %(names)s::text[]) as asked (place, name)
          join pg_namespace m on m.nspname = asked.place
          join pg_class p on p.relnamespace = m.oid and p.relname = asked.name
          join pg_inherits i on i.inhparent = p.oid
          join pg_class c on c.oid = i.inhrelid
         group by p.oid, c.relowner, c.relnamespace, shut, c.relacl::text,
                  array(select a.attacl::text from pg_attribute a
                         where a.attrelid = c.oid and a.attacl is not null order by a.attnum)
    )
    select m.nspname, p.relname, array_agg(distinct r.rolname order by r.rolname),
           min(chunk.one)::regclass::text
      from chunk
      join pg_class p on p.oid = chunk.whole
      join pg_namespace m on m.oid = p.relnamespace
      join pg_roles r on r.oid >= 16384 and not r.rolsuper and not pg_has_role(r.oid, p.relowner, 'usage')
     where has_schema_privilege(r.oid, chunk.place, 'usage') and has_any_column_privilege(r.oid, chunk.one, 'select')
       and (not chunk.shut or r.rolbypassrls or pg_has_role(r.oid, chunk.owner, 'usage'))
       and (not has_any_column_privilege(r.oid, p.oid, 'select') or p.relrowsecurity and not r.rolbypassrls)
     group by 1, 2
     order by 1, 2
"""

# --- who else

# Before 16 every member may step in; from 16 on only who has the SET option, which ADMIN may give itself.
BECOME = """
    select ours.rolname, r.rolname
      from pg_roles r, pg_roles ours
     where ours.rolname in ('lifecycle', 'lifecycle_ddl', 'lifecycle_owner') and not r.rolsuper and r.oid <> ours.oid
       and pg_has_role(r.oid, ours.oid, case when current_setting('server_version_num')::int >= 160000
                                             then 'set' else 'member' end)
     order by 1, 2
"""
# Whoever administers our roles, and every member of one who does.
ADMINISTER = """
    with administrator as materialized (
        select p.oid from pg_roles p
         where current_setting('server_version_num')::int < 160000 and p.rolcreaterole
            or exists (select from pg_auth_members a join pg_roles ours on ours.oid = a.roleid
                        where a.member = p.oid and a.admin_option
                          and ours.rolname in ('lifecycle', 'lifecycle_ddl', 'lifecycle_owner')))
    select distinct r.rolname
      from pg_roles r join administrator on pg_has_role(r.oid, administrator.oid, 'member')
     where not r.rolsuper
     order by 1
"""

# --- the schema

OWNED_BY = """
    select r.rolname, r.rolcanlogin,
           array(select o.rolname::text from pg_roles o
                  where o.rolname in (current_user, 'lifecycle', 'lifecycle_ddl')
                    and exists (select from pg_roles p
                                 where pg_has_role(o.oid, p.oid, 'member')
                                   and (p.oid = r.oid or p.rolsuper or p.rolcreaterole))
                  order by 1)
      from pg_namespace n join pg_roles r on r.oid = n.nspowner where n.nspname = 'lifecycle'
"""
OWNED_BY_OTHERS = """
    select format('%s (%s)', c.relname, r.rolname)
      from pg_class c join pg_roles r on r.oid = c.relowner join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'lifecycle' and c.relkind in ('r', 'p', 'v') and c.relowner <> n.nspowner
    union all
    select format('%s() (%s)', p.proname, r.rolname)
      from pg_proc p join pg_roles r on r.oid = p.proowner join pg_namespace n on n.oid = p.pronamespace
     where n.nspname = 'lifecycle' and p.proowner <> n.nspowner
     order by 1
"""
# Every right by which a login of ours could change a line of evidence, on whatever way.
CHANGES_EVIDENCE = """
    select format('%s may %s %s', r.rolname, lower(p.privilege), c.relname)
      from pg_class c join pg_namespace n on n.oid = c.relnamespace,
           pg_roles r, unnest(array['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) as p (privilege)
     where n.nspname = 'lifecycle' and c.relkind in ('r', 'p') and c.relname ~ '^(evidence|attempt)'
       and r.rolname in ('lifecycle', 'lifecycle_ddl')
       and (has_table_privilege(r.oid, c.oid, p.privilege)
            or p.privilege = 'UPDATE' and has_any_column_privilege(r.oid, c.oid, 'UPDATE'))
     order by 1
"""

# Only superusers make event triggers, but the function may belong to somebody else, who may replace it at any time.
EVENT_TRIGGERS = """
    select e.evtname, e.evtevent, r.rolname, r.rolsuper,
           exists (select from pg_depend d where d.objid = e.oid and d.classid = 'pg_event_trigger'::regclass
                                             and d.deptype = 'e')
      from pg_event_trigger e join pg_proc p on p.oid = e.evtfoid join pg_roles r on r.oid = p.proowner
     where e.evtenabled <> 'D'
     order by 1
"""
