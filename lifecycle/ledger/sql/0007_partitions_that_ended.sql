-- Partitions that were taken off their table to be dropped after a while. Told apart by PostgreSQL's own number, as names
-- can be given anew. What is written here, the catalog itself says: a login that makes partitions can note no drop that
-- was not one, and none before its time.

create table lifecycle.detached (
    id               bigint generated always as identity primary key,
    relation         oid not null,
    name             text not null,             -- as policies spell it, when it was taken off
    parent           text not null,
    bound            text not null,
    why              text not null,
    grace            interval not null check (grace >= interval '0'),
    run_id           bigint not null,
    begun_at         timestamptz not null default clock_timestamp(),
    detached_at      timestamptz,               -- null: begun, and perhaps never done
    drop_not_before  timestamptz,
    snapshot         pg_snapshot,               -- whose rows were there: a newer row is one that somebody has put in since
    ended_at         timestamptz,
    ended            text check (ended in ('dropped', 'attached again', 'gone')),
    ended_by         bigint,
    check ((detached_at is null) = (drop_not_before is null) and (detached_at is null) = (snapshot is null)),
    check ((ended_at is null) = (ended is null))
);
create unique index detached_that_stands on lifecycle.detached (relation) where ended_at is null;

create trigger detached_is_append_only before delete on lifecycle.detached
    for each row execute function lifecycle.refuse_change();
create trigger detached_is_not_truncated before truncate on lifecycle.detached
    for each statement execute function lifecycle.refuse_change();

-- Say that a partition is about to be taken off. One that was begun and never done is begun again.
create function lifecycle.begin_detach(of_run bigint, of_holder text, of_attempt integer, of_relation oid, of_why text,
                                       of_grace interval) returns bigint language plpgsql
    security definer set search_path = pg_catalog, pg_temp as $$
declare
    noted bigint;
begin
    if lifecycle.hold_run(of_run, of_holder, of_attempt) is null then
        return null;
    end if;
    insert into lifecycle.detached as d (relation, name, parent, bound, why, grace, run_id)
    select c.oid,
           case when n.nspname = 'public' and position('.' in c.relname) = 0 then c.relname
                else n.nspname || '.' || c.relname end,
           case when m.nspname = 'public' and position('.' in p.relname) = 0 then p.relname
                else m.nspname || '.' || p.relname end,
           pg_get_expr(c.relpartbound, c.oid), of_why, of_grace, of_run
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      join pg_inherits i on i.inhrelid = c.oid
      join pg_class p on p.oid = i.inhparent
      join pg_namespace m on m.oid = p.relnamespace
     where c.oid = of_relation and c.relispartition
        on conflict (relation) where ended_at is null
        do update set why = of_why, grace = of_grace, run_id = of_run where d.detached_at is null
    returning d.id into noted;
    if noted is null then
        raise exception 'relation % is no partition that could be taken off', of_relation
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    return noted;
end $$;

-- Say that it stands alone now, in the transaction that saw to it.
create function lifecycle.note_detached(of_run bigint, of_holder text, of_attempt integer, of_relation oid)
    returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    noted bigint;
begin
    if lifecycle.hold_run(of_run, of_holder, of_attempt) is null then
        return null;
    end if;
    update lifecycle.detached d
       set detached_at = clock_timestamp(), drop_not_before = clock_timestamp() + d.grace,
           snapshot = pg_current_snapshot()
     where d.relation = of_relation and d.detached_at is null and d.ended_at is null
       and exists (select from pg_class c where c.oid = of_relation and not c.relispartition)
       and not exists (select from pg_inherits i where i.inhrelid = of_relation)
    returning d.id into noted;
    if noted is null then
        raise exception 'relation % does not stand alone', of_relation
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    return noted;
end $$;

-- Say how it ended, in the transaction in which it did.
create function lifecycle.end_detached(of_run bigint, of_holder text, of_attempt integer, of_relation oid, how text)
    returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    noted bigint;
begin
    if lifecycle.hold_run(of_run, of_holder, of_attempt) is null then
        return null;
    end if;
    update lifecycle.detached d
       set ended_at = clock_timestamp(), ended = how, ended_by = of_run
     where d.relation = of_relation and d.detached_at is not null and d.ended_at is null
       and case how
           when 'dropped' then d.drop_not_before <= clock_timestamp()
                               and not exists (select from pg_class c where c.oid = of_relation)
           when 'gone' then not exists (select from pg_class c where c.oid = of_relation)
           when 'attached again' then exists (select from pg_inherits i where i.inhrelid = of_relation) end
    returning d.id into noted;
    if noted is null then
        raise exception 'relation % was not yet to be %', of_relation, how
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    return noted;
end $$;

revoke all on function lifecycle.begin_detach, lifecycle.note_detached, lifecycle.end_detached from public;
grant execute on function lifecycle.begin_detach, lifecycle.note_detached, lifecycle.end_detached to lifecycle_ddl;
grant select on lifecycle.detached to lifecycle;
