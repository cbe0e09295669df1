"""The three roles of an installation, and the schema that belongs to none of the two that log in.

`lifecycle` changes rows and writes the ledger: it is a member of no owner, so that code it meets on the way (a table's
trigger) can become nobody else. `lifecycle_ddl` steps into owners and has no right on any row. `lifecycle_owner` owns
the schema `lifecycle`, logs in nowhere, and has no member when `init` is done: nobody below a superuser takes the
triggers off the evidence. All of it is SQL that repeats safely; `install.py` says in which order.
"""

from psycopg import Connection, sql
from psycopg.rows import TupleRow

SERVICE = "lifecycle"
DDL = "lifecycle_ddl"
OWNER = "lifecycle_owner"

# Each attribute by itself, and only where it differs: what an administrator below a superuser may not say is left out
# with a warning, and `left` names it. Before 16 only a superuser gives BYPASSRLS, after it only who has it.
ROLES = sql.SQL("""do $$
declare
    wanted record;
    change record;
begin
    for wanted in select * from (values ('lifecycle', 'login', 'bypassrls'), ('lifecycle_ddl', 'login', 'nobypassrls'),
                                        ('lifecycle_owner', 'nologin', 'nobypassrls')) as w (name, enters, sees)
    loop
        if not exists (select from pg_catalog.pg_roles where rolname = wanted.name) then
            execute pg_catalog.format('create role %I %s noinherit', wanted.name, wanted.enters);
        end if;
        for change in
            select pg_catalog.unnest(pg_catalog.array_remove(array[
                       case when rolcanlogin <> (wanted.enters = 'login') then wanted.enters end,
                       case when rolinherit then 'noinherit' end,
                       case when rolsuper then 'nosuperuser' end,
                       case when rolcreaterole then 'nocreaterole' end,
                       case when rolcreatedb then 'nocreatedb' end,
                       case when rolreplication then 'noreplication' end,
                       case when rolbypassrls <> (wanted.sees = 'bypassrls') then wanted.sees end], null)) as attribute
              from pg_catalog.pg_roles where rolname = wanted.name
        loop
            begin
                execute pg_catalog.format('alter role %I %s', wanted.name, change.attribute);
            exception when insufficient_privilege then
                raise warning 'a superuser has to run: alter role % %;', wanted.name, change.attribute;
            end;
        end loop;
    end loop;
end $$""")

# An administrator who is no superuser becomes a member for the length of the installation.
ENTER = sql.SQL("""do $$ begin
    if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
        execute pg_catalog.format('grant lifecycle_owner to %I', current_user)
             || case when pg_catalog.current_setting('server_version_num')::int >= 160000
                     then ' with set true, inherit false' else '' end;
    end if;
end $$""")
LEAVE = sql.SQL("""do $$ begin
    if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
        execute pg_catalog.format('revoke lifecycle_owner from %I', current_user);
    end if;
end $$""")

MAKE = sql.SQL("""do $$ begin
    if not exists (select from pg_catalog.pg_namespace where nspname = 'lifecycle') then
        create schema lifecycle authorization lifecycle_owner;
    end if;
end $$""")
# What an earlier release left to whoever ran `init` is handed over, sequences of identity columns with their tables.
HAND_OVER = sql.SQL("""do $$
declare
    command text;
begin
    for command in
        select 'alter schema lifecycle owner to lifecycle_owner' from pg_catalog.pg_namespace
         where nspname = 'lifecycle' and nspowner <> 'lifecycle_owner'::regrole
        union all
        select pg_catalog.format('alter %s %s owner to lifecycle_owner',
                                 case relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end,
                                 oid::regclass)
          from pg_catalog.pg_class c
         where relnamespace = pg_catalog.to_regnamespace('lifecycle') and relkind in ('r', 'p', 'v', 'S')
           and relowner <> 'lifecycle_owner'::regrole
           and not (relkind = 'S' and exists (
                    select from pg_catalog.pg_depend d
                     where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype in ('i', 'a')))
        union all
        select pg_catalog.format('alter function %s owner to lifecycle_owner', oid::regprocedure)
          from pg_catalog.pg_proc
         where pronamespace = pg_catalog.to_regnamespace('lifecycle') and proowner <> 'lifecycle_owner'::regrole
    loop
        execute command;
    end loop;
end $$""")
BECOME = sql.SQL("set local role lifecycle_owner")
STOP = sql.SQL("reset role")
PRIVATE = sql.SQL("revoke all on schema lifecycle from public")
USE = (
    sql.SQL("grant usage on schema lifecycle to lifecycle, lifecycle_ddl"),
    sql.SQL("grant select on all tables in schema lifecycle to lifecycle"),
    sql.SQL("grant select on all sequences in schema lifecycle to lifecycle"),
)

_LEFT = """
    select pg_catalog.format('alter role %I %s;', rolname, attribute)
      from pg_catalog.pg_roles,
           pg_catalog.unnest(pg_catalog.array_remove(array[
               case when rolcanlogin <> (rolname <> 'lifecycle_owner')
                    then case when rolcanlogin then 'nologin' else 'login' end end,
               case when rolinherit then 'noinherit' end,
               case when rolsuper then 'nosuperuser' end,
               case when rolcreaterole then 'nocreaterole' end,
               case when rolcreatedb then 'nocreatedb' end,
               case when rolreplication then 'noreplication' end,
               case when rolbypassrls <> (rolname = 'lifecycle')
                    then case when rolbypassrls then 'nobypassrls' else 'bypassrls' end end], null)) as attribute
     where rolname in ('lifecycle', 'lifecycle_ddl', 'lifecycle_owner')
     order by 1
"""


def left(conn: Connection[TupleRow]) -> tuple[str, ...]:
    """Return the statements that a superuser still has to run, as this installation's roles are."""
    return tuple(row[0] for row in conn.execute(_LEFT).fetchall())
