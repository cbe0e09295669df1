"""From whom a schema `lifecycle` that is already there is adopted: else its owner's code would run as an administrator.

Whoever owns a database may lay one before `init` comes: a ledger whose triggers do what he likes, or in which he keeps
rights. So it is adopted only from `lifecycle_owner`, a superuser, or who installs (an earlier release left it to him).
Asked of PostgreSQL's own catalog, before anything of the schema is read or called; printed SQL asks it again.
"""

from psycopg import sql

STATE = "LC001"
"""The SQLSTATE by which the question below says no."""

# Asked after `create schema`, which fails where somebody makes one meanwhile: a schema that is of the right owner now
# can be dropped, and laid anew, by nobody else.
QUESTION = sql.SQL("""do $$
declare
    fit constant oid[] := array(select oid from pg_catalog.pg_roles
                                 where rolsuper or rolname in ('lifecycle_owner', current_user));
    here constant oid := (select oid from pg_catalog.pg_namespace where nspname = 'lifecycle');
    found text;
begin
    if here is null then
        raise exception 'the schema lifecycle was taken away meanwhile' using errcode = 'LC001', hint = 'Try again.';
    end if;
    select pg_catalog.format('%s belongs to %I', what, pg_catalog.pg_get_userbyid(owner)) into found
      from (select 1, 'the schema lifecycle', nspowner from pg_catalog.pg_namespace where oid = here
            union all
            select 2, pg_catalog.format('the relation lifecycle.%I', relname), relowner
              from pg_catalog.pg_class where relnamespace = here
            union all
            select 3, pg_catalog.format('the function lifecycle.%I', proname), proowner
              from pg_catalog.pg_proc where pronamespace = here
            union all
            select 4, pg_catalog.format('the type lifecycle.%I', typname), typowner
              from pg_catalog.pg_type
             where typnamespace = here and typrelid = 0 and typelem = 0) as there (rank, what, owner)
     where owner <> all (fit) order by rank, what limit 1;
    if found is not null then
        raise exception '%, and is adopted only from lifecycle_owner, a superuser or who installs', found
              using errcode = 'LC001',
                    hint = 'Somebody may have laid it there for an administrator to step on. Look what it is, with '
                           '`\\dn+ lifecycle` and `\\d lifecycle.*`, and read or call nothing of it. Drop it, or '
                           'rename it. If an earlier release made it and you know all that is in it: `alter schema '
                           'lifecycle owner to current_user`, and so each relation, function and type.';
    end if;
    select pg_catalog.format('lifecycle.%I %s', relname, wrong) into found
      from pg_catalog.pg_class c,
           lateral (select case when relkind <> 'r' then 'is no ordinary table'
                                when exists (select from pg_catalog.pg_trigger
                                              where tgrelid = c.oid and not tgisinternal)
                                then 'has a trigger'
                                when exists (select from pg_catalog.pg_rewrite where ev_class = c.oid)
                                then 'has a rule' end) as judged (wrong)
     where relnamespace = here and relname in ('migration', 'installation') and wrong is not null
     order by 1 limit 1;
    if found is not null then
        raise exception '%, which no release of Lifecycle made', found
              using errcode = 'LC001',
                    hint = 'An installation reads and writes there. Look with `\\d lifecycle.migration` and '
                           '`\\d lifecycle.installation` what it is and who made it, and drop it.';
    end if;
end $$""")
