-- A partition that was taken off is known by PostgreSQL's number, and numbers are a database's own: one that was loaded
-- from a dump gives its tables others, and what is noted here means nothing there, or another table. So each note says
-- by which numbers it goes: those of our own schema and of this very table, which a dump does not keep either (a copy of
-- the server's files, and pg_upgrade, keep all). By other numbers nothing is dropped: the table is looked for by its name.
alter table lifecycle.detached add column numbers text not null
    default format('%s %s', 'lifecycle'::regnamespace::oid, 'lifecycle.detached'::regclass::oid);

-- Say how it ended, in the transaction in which it did.
create or replace function lifecycle.end_detached(of_run bigint, of_holder text, of_attempt integer, of_relation oid,
                                                  how text)
    returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    here constant text := format('%s %s', 'lifecycle'::regnamespace::oid, 'lifecycle.detached'::regclass::oid);
    noted bigint;
begin
    if lifecycle.hold_run(of_run, of_holder, of_attempt) is null then
        return null;
    end if;
    update lifecycle.detached d
       set ended_at = clock_timestamp(), ended = how, ended_by = of_run
      from (select x.id, case when x.numbers = here then x.relation else (
                       select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
                        where c.relkind in ('r', 'p')
                          and x.name = case when n.nspname = 'public' and position('.' in c.relname) = 0 then c.relname
                                            else n.nspname || '.' || c.relname end) end as oid
              from lifecycle.detached x) as found
     where d.relation = of_relation and d.ended_at is null and found.id = d.id
       and case how
           when 'dropped' then d.numbers = here and d.detached_at is not null
                               and d.drop_not_before <= clock_timestamp()
                               and not exists (select from pg_class c where c.oid = of_relation)
           when 'gone' then not exists (select from pg_class c where c.oid = found.oid)
           when 'attached again' then d.detached_at is not null
                                      and exists (select from pg_inherits i where i.inhrelid = found.oid)
           when 'not begun' then d.detached_at is null
                                 and exists (select from pg_inherits i
                                              where i.inhrelid = found.oid and not i.inhdetachpending) end
    returning d.id into noted;
    if noted is null then
        raise exception 'relation % was not yet to be %', of_relation, how
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    return noted;
end $$;
