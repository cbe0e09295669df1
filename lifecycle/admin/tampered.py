"""What somebody changed in the ledger's own schema: rights, code and settings that no release of Lifecycle gave it.

The functions are compared with the files that made them. Not compared: columns, defaults, constraints and indexes of
the tables, and default privileges. Changes nothing.
"""

import re
from collections.abc import Iterator
from typing import LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.admin import install
from lifecycle.admin.finding import Finding, bad
from lifecycle.postgres import ddl

WHY = "What is on the ledger could be changed, or written by somebody else, without a trace."

# Anybody may be let read. Evidence and attempts are written by functions, a plan once. Rights on evidence and attempts
# that a login of ours has, on whatever way, are asked for in `statements.py`.
_GRANTED: LiteralString = """
    with granted as (
        select c.relname, c.relowner as owner, x.grantee, x.privilege_type as privilege, '' as columns
          from pg_class c, aclexplode(c.relacl) x
         where c.relnamespace = to_regnamespace('lifecycle') and c.relkind in ('r', 'p', 'v', 'm', 'f')
        union all
        select c.relname, c.relowner, x.grantee, x.privilege_type, format(' (%I)', a.attname)
          from pg_class c join pg_attribute a on a.attrelid = c.oid, aclexplode(a.attacl) x
         where c.relnamespace = to_regnamespace('lifecycle')),
    named as (
        select g.*, coalesce(r.rolname, 'public') as who
          from granted g left join pg_roles r on r.oid = g.grantee
         where g.grantee <> g.owner and g.privilege <> 'SELECT' and not coalesce(r.rolsuper, false))
    select format('%s may %s%s %s', who, lower(privilege), columns, relname),
           format('revoke %s%s on lifecycle.%I from %s;', lower(privilege), columns, relname,
                  case when grantee = 0 then 'public' else quote_ident(who) end)
      from named
     where case who when 'lifecycle'
                    then case privilege when 'INSERT'
                                        then relname ~ '^(migration|kept_for|(evidence|attempt)(_\\d{4}_\\d\\d)?)$'
                                             or columns = '' and relname in ('run', 'alert', 'generation', 'pause')
                                        when 'UPDATE'
                                        then relname in ('migration', 'kept_for', 'installation', 'plan')
                                             or columns = '' and relname in ('run', 'alert', 'generation', 'pause')
                                        else true end
                         and not (privilege in ('UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
                                  and relname ~ '^(evidence|attempt)')
                    when 'lifecycle_ddl'
                    then not (privilege in ('UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
                              and relname ~ '^(evidence|attempt)')
                    else true end
    union all
    select format('%s may create in the schema lifecycle', coalesce(r.rolname, 'public')),
           format('revoke create on schema lifecycle from %s;', coalesce(quote_ident(r.rolname), 'public'))
      from pg_namespace n, aclexplode(n.nspacl) x left join pg_roles r on r.oid = x.grantee
     where n.nspname = 'lifecycle' and x.privilege_type = 'CREATE' and x.grantee <> n.nspowner
       and not coalesce(r.rolsuper, false)
    union all
    select format('%s may call %s', coalesce(r.rolname, 'public'), p.oid::regprocedure),
           format('revoke execute on function %s from %s;', p.oid::regprocedure,
                  coalesce(quote_ident(r.rolname), 'public'))
      from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
      left join pg_roles r on r.oid = x.grantee
     where p.pronamespace = to_regnamespace('lifecycle') and p.prosecdef and x.grantee <> p.proowner
       and not coalesce(r.rolsuper, false)
       and case r.rolname when 'lifecycle' then false
                          when 'lifecycle_ddl' then p.proname not in ('hold_run', 'record_evidence')
                          else true end
     order by 1
"""
_CODE: LiteralString = """
    select format('trigger %s on %s runs %s', t.tgname, c.relname, t.tgfoid::regprocedure),
           format('drop trigger %I on lifecycle.%I;', t.tgname, c.relname)
      from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
     where c.relnamespace = to_regnamespace('lifecycle') and not t.tgisinternal
       and p.pronamespace <> c.relnamespace
    union all
    select format('rule %s on %s', w.rulename, c.relname),
           format('drop rule %I on lifecycle.%I;', w.rulename, c.relname)
      from pg_rewrite w join pg_class c on c.oid = w.ev_class
     where c.relnamespace = to_regnamespace('lifecycle') and c.relkind in ('r', 'p')
    union all
    select format('row security is on for %s', c.relname),
           format('alter table lifecycle.%I disable row level security;', c.relname)
      from pg_class c where c.relnamespace = to_regnamespace('lifecycle') and c.relrowsecurity
     order by 1
"""
# Triggers are passed over in a session that says it is a replica.
_REPLICA: LiteralString = """
    select format('%s in %s is set to be a replica: triggers are passed over', coalesce(r.rolname, 'everybody'),
                  coalesce(d.datname, 'every database')),
           case when r.oid is null then format('alter database %I reset session_replication_role;', d.datname)
                else format('alter role %I%s reset session_replication_role;', r.rolname, ' in database '
                            || quote_ident(d.datname)) end
      from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole
      left join pg_database d on d.oid = s.setdatabase
     where (s.setdatabase = 0 or d.datname = current_database())
       and (s.setrole = 0 or r.rolname in ('lifecycle', 'lifecycle_ddl', 'lifecycle_owner'))
       and exists (select from unnest(s.setconfig) as line
                    where line ~ '^session_replication_role=' and line <> 'session_replication_role=origin')
    union all
    select format('%s may set session_replication_role: triggers are passed over', coalesce(r.rolname, 'public')),
           format('revoke set on parameter session_replication_role from %s;',
                  coalesce(quote_ident(r.rolname), 'public'))
      from pg_parameter_acl p, aclexplode(p.paracl) x left join pg_roles r on r.oid = x.grantee
     where p.parname = 'session_replication_role' and x.privilege_type = 'SET' and not coalesce(r.rolsuper, false)
     order by 1
"""
# What is said to have begun long before it was written down.
_BACKDATED: LiteralString = """
    select format('%s of %s is said to hold since %s, and was written down on %s', what, of, since, said_at),
           'Ask who wrote it: a gap in the schedule may lie behind it.'
      from (select 'a pause' as what, job as of, since, said_at from lifecycle.pause
            union all
            select 'a schedule', system, since, said_at from lifecycle.generation) as said
     where said_at > since + interval '5 minutes'
     order by 1
"""
_FUNCTIONS = """
    select proname, oid::regprocedure::text, prosrc, prosecdef, coalesce(proconfig, '{}')
      from pg_proc where pronamespace = to_regnamespace('lifecycle') order by 2
"""
_APPLIED = "select name from lifecycle.migration"
_MADE = re.compile(
    r"create (?:or replace )?function lifecycle\.(\w+)\((.*?)\bas \$\$(.*?)\$\$", re.DOTALL
)
_PINNED = "search_path=pg_catalog, pg_temp"


def judge(label: str, conn: Connection[TupleRow]) -> Iterator[Finding]:
    """Yield each right, trigger, rule, setting and function of the schema that no release gave it."""
    for question in (_GRANTED, _CODE, _REPLICA, _BACKDATED):
        for what, fix in conn.execute(question).fetchall():
            yield bad(label, what, WHY, fix)
    made = _made({name for (name,) in conn.execute(_APPLIED).fetchall()})
    for name, signature, body, definer, settings in conn.execute(_FUNCTIONS).fetchall():
        if made.get(name) != (body, definer, _PINNED in settings):
            what = f"the function {signature} is not the one that a release made"
            fix = "Read it with `\\sf` in psql, ask who changed it, and restore it from the file that made it."
            yield bad(label, what, WHY, fix)


def _made(applied: set[str]) -> dict[str, tuple[str, bool, bool]]:
    """Return (body, whether with its owner's rights, whether by a path of its own) of each function of these files."""
    texts = [m.text for m in ddl.migrations(install.packages()) if m.name in applied]
    return {
        name: (body, "security definer" in head, "set search_path = pg_catalog, pg_temp" in head)
        for text in texts
        for name, head, body in _MADE.findall(text)
    }
