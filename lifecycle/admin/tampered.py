"""What somebody changed in the ledger's own schema: rights, code and settings that are not as the releases left them.

Functions, triggers and rights to write are compared with the files that made them (`released.py`); anybody may be let
read. Not compared: columns, defaults, constraints and indexes of the tables, and default privileges. Changes nothing.
"""

from collections.abc import Iterator
from typing import LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.admin import install, released
from lifecycle.admin.finding import Finding, bad
from lifecycle.admin.released import Right, Trigger
from lifecycle.postgres import ddl

WHY = "What is on the ledger could be changed, or written by somebody else, without a trace."

_WRITES: LiteralString = """
    with granted as (
        select c.relname, c.relkind, c.relowner as owner, x.grantee, x.privilege_type, '' as attname, x.is_grantable
          from pg_class c, aclexplode(c.relacl) x
         where c.relnamespace = to_regnamespace('lifecycle') and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        union all
        select c.relname, c.relkind, c.relowner, x.grantee, x.privilege_type, a.attname, x.is_grantable
          from pg_class c join pg_attribute a on a.attrelid = c.oid, aclexplode(a.attacl) x
         where c.relnamespace = to_regnamespace('lifecycle') and not a.attisdropped)
    select coalesce(r.rolname, 'public'), coalesce(quote_ident(r.rolname), 'public'), g.relname, g.relkind = 'S',
           g.privilege_type, g.attname, bool_or(g.is_grantable)
      from granted g left join pg_roles r on r.oid = g.grantee
     where g.grantee <> g.owner and g.privilege_type <> 'SELECT' and not coalesce(r.rolsuper, false)
     group by 1, 2, 3, 4, 5, 6 order by 1, 3, 5, 6
"""
_CREATES: LiteralString = """
    select format('%s may create in the schema lifecycle', coalesce(r.rolname, 'public')),
           format('revoke create on schema lifecycle from %s;', coalesce(quote_ident(r.rolname), 'public'))
      from pg_namespace n, aclexplode(n.nspacl) x left join pg_roles r on r.oid = x.grantee
     where n.nspname = 'lifecycle' and x.privilege_type = 'CREATE' and x.grantee <> n.nspowner
       and not coalesce(r.rolsuper, false)
     order by 1
"""
_CALLS: LiteralString = """
    select coalesce(r.rolname, 'public'), coalesce(quote_ident(r.rolname), 'public'), p.proname,
           p.oid::regprocedure::text, bool_or(x.is_grantable)
      from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
      left join pg_roles r on r.oid = x.grantee
     where p.pronamespace = to_regnamespace('lifecycle') and p.prosecdef and x.grantee <> p.proowner
       and not coalesce(r.rolsuper, false)
     group by 1, 2, 3, 4 order by 1, 4
"""
# Of each table its triggers; of one without, a line without. A month is held against its parent.
_TRIGGERS: LiteralString = """
    select c.relname, coalesce(p.relname, c.relname), t.tgname, coalesce(pg_get_triggerdef(t.oid), ''),
           t.tgenabled in ('O', 'A'), t.tgfoid::regprocedure::text,
           case when t.oid is not null then format('drop trigger %I on lifecycle.%I;', t.tgname, c.relname) end
      from pg_class c left join pg_inherits i on i.inhrelid = c.oid left join pg_class p on p.oid = i.inhparent
      left join pg_trigger t on t.tgrelid = c.oid and not t.tgisinternal
     where c.relnamespace = to_regnamespace('lifecycle') and c.relkind in ('r', 'p') order by 1, 3
"""
_CODE: LiteralString = """
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
_PINNED = "search_path=pg_catalog, pg_temp"


def judge(label: str, conn: Connection[TupleRow]) -> Iterator[Finding]:
    """Yield each right, trigger, rule, setting and function of the schema that is not as the releases left it."""
    applied = {name for (name,) in conn.execute(_APPLIED).fetchall()}
    texts = [m.text for m in ddl.migrations(install.packages()) if m.name in applied]
    made = released.functions(texts)
    calls = {(who, name) for who, name in released.calls(texts) if made[name][1]}
    found = [*_rights(conn, released.rights(texts)), *_calls(conn, frozenset(calls))]
    found += _triggers(conn, released.triggers(texts))
    for question in (_CREATES, _CODE, _REPLICA, _BACKDATED):
        found += conn.execute(question).fetchall()
    for what, fix in found:
        yield bad(label, what, WHY, fix)
    for name, signature, body, definer, settings in conn.execute(_FUNCTIONS).fetchall():
        if made.get(name) != (body, definer, _PINNED in settings):
            what = f"the function {signature} is not the one that a release made"
            fix = "Read it with `\\sf` in psql, ask who changed it, and restore it from the file that made it."
            yield bad(label, what, WHY, fix)


def _rights(conn: Connection[TupleRow], given: frozenset[Right]) -> Iterator[tuple[str, str]]:
    there: set[Right] = set()
    for who, quoted, table, sequence, privilege, column, lets in conn.execute(_WRITES).fetchall():
        right = Right(who, privilege, table, column)
        there.add(right)
        if not sequence and _asked_elsewhere(right):
            continue
        if not given & {right, Right(who, privilege, table)}:
            yield (
                f"{who} may {right} {table}",
                f"revoke {right} on lifecycle.{table} from {quoted};",
            )
        elif lets:
            what = f"{who} may let others {right} {table}"
            yield what, f"revoke grant option for {right} on lifecycle.{table} from {quoted};"
    for right in sorted(given - there):
        what = f"{right.who} may not {right} {right.table}, as a release lets it"
        yield what, f"grant {right} on lifecycle.{right.table} to {right.who};"


def _calls(
    conn: Connection[TupleRow], given: frozenset[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """Compare who may call what acts with the rights of the ledger's owner."""
    there: set[tuple[str, str]] = set()
    for who, quoted, name, signature, lets in conn.execute(_CALLS).fetchall():
        there.add((who, name))
        say, right = f"{who} may call {signature}", "execute"
        if (who, name) in given:
            if not lets:
                continue
            say, right = f"{say}, and let others", "grant option for execute"
        yield say, f"revoke {right} on function {signature} from {quoted};"
    for who, name in sorted(given - there):
        what = f"{who} may not call {name}, as a release lets it"
        yield what, f"grant execute on function lifecycle.{name} to {who};"


def _asked_elsewhere(right: Right) -> bool:
    """Say whether `statements.CHANGES_EVIDENCE` asks for it: by whatever way a login of ours comes to it."""
    return (
        right.who in ("lifecycle", "lifecycle_ddl")
        and right.privilege in ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER")
        and right.table.startswith(("evidence", "attempt"))
    )


def _triggers(conn: Connection[TupleRow], given: frozenset[Trigger]) -> Iterator[tuple[str, str]]:
    wanted: set[Trigger] = set()
    there: set[Trigger] = set()
    for table, parent, name, definition, fires, function, drop in conn.execute(
        _TRIGGERS
    ).fetchall():
        own = {one.on(table) for one in given if one.table == parent}
        wanted |= own
        if name is not None and name not in {one.name for one in own}:
            yield f"trigger {name} on {table} runs {function}", drop
        elif fires:
            there.add(released.trigger(definition))
    for one in sorted(wanted - there, key=lambda one: (one.table, one.name)):
        what = f"{one.table} lacks the trigger {one.name}, or it is off or not as a release made it"
        fix = f"alter table lifecycle.{one.table} enable trigger {one.name};  -- where it is another: drop it, and "
        yield what, fix + one.statement()
