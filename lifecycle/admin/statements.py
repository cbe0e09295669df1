"""What `doctor` asks a managed database. It changes nothing."""

BACKEND = "select pg_backend_pid()"
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

# Whoever may act as one of these may change rows, evidence or rights past us.
MAY_ACT_AS = """
    select r.rolname from pg_roles r
     where r.rolname <> current_user and pg_has_role(current_user, r.oid, 'member')
       and (r.rolsuper or r.rolcreaterole or r.rolbypassrls or r.rolname = any(%(owners)s)
            or r.rolname in ('lifecycle', 'lifecycle_ddl', 'lifecycle_owner', 'pg_write_all_data',
                             'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'))
     order by 1
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
ROWS = """
    select name from unnest(%(names)s::text[]) as name
     where has_table_privilege(current_user, name, 'select, insert, update, delete, truncate')
        or has_any_column_privilege(current_user, name, 'select, insert, update')
     order by 1
"""

# --- what we may

MISSING_TABLE_RIGHTS = """
    select wanted.name, wanted.privilege
      from unnest(%(names)s::text[], %(privileges)s::text[]) as wanted (name, privilege)
     where not has_table_privilege(current_user, wanted.name, wanted.privilege)
     order by 1, 2
"""
MISSING_COLUMN_RIGHTS = """
    select wanted.name, wanted.column_name
      from unnest(%(names)s::text[], %(columns)s::text[]) as wanted (name, column_name)
     where not has_column_privilege(current_user, wanted.name, wanted.column_name, 'update')
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
ADMINISTER = """
    select distinct r.rolname from pg_roles r
     where not r.rolsuper
       and (current_setting('server_version_num')::int < 160000 and r.rolcreaterole
            or exists (select from pg_auth_members a join pg_roles ours on ours.oid = a.roleid
                        where a.member = r.oid and a.admin_option
                          and ours.rolname in ('lifecycle', 'lifecycle_ddl', 'lifecycle_owner')))
     order by 1
"""

# --- the schema

OWNED_BY = """
    select r.rolname, r.rolcanlogin, pg_has_role(current_user, r.oid, 'member')
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
# The guards of the evidence, and every right by which a login of ours could change a line of it.
GUARDS = """
    select t.tgname, t.tgenabled in ('O', 'A')
      from pg_trigger t where t.tgrelid = to_regclass('lifecycle.evidence') and not t.tgisinternal
"""
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
