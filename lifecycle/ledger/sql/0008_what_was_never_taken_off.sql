-- A detach that was noted and did not begin is taken back: else who takes that partition off by hand, to keep it, would be
-- thought to be us. And what a partition loses when it is taken off is noted, for whoever attaches it again.

alter table lifecycle.detached drop constraint detached_ended_check;
alter table lifecycle.detached add constraint detached_ended_check
    check (ended in ('dropped', 'attached again', 'gone', 'not begun'));
alter table lifecycle.detached add column lost text[] not null default '{}';   -- statements that give it back

-- Say that it stands alone now, in the transaction that sees to it, before its rights end.
create or replace function lifecycle.note_detached(of_run bigint, of_holder text, of_attempt integer, of_relation oid)
    returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    noted bigint;
begin
    if lifecycle.hold_run(of_run, of_holder, of_attempt) is null then
        return null;
    end if;
    update lifecycle.detached d
       set detached_at = clock_timestamp(), drop_not_before = clock_timestamp() + d.grace,
           snapshot = pg_current_snapshot(),
           lost = array(
               with whole as (
                   select c.oid, c.relowner, c.relacl, format('%I.%I', n.nspname, c.relname) as name
                     from pg_class c join pg_namespace n on n.oid = c.relnamespace
                    where c.oid = of_relation or c.oid in (select relid from pg_partition_tree(of_relation))),
               given as (
                   select w.name, w.relowner, lower(a.privilege_type) as what, a.grantee, a.is_grantable
                     from whole w cross join aclexplode(w.relacl) a
                    union all
                   select w.name, w.relowner, format('%s (%I)', lower(a.privilege_type), t.attname), a.grantee,
                          a.is_grantable
                     from whole w join pg_attribute t on t.attrelid = w.oid cross join aclexplode(t.attacl) a)
               select format('grant %s on %s to %s%s', what, name,
                             case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
                             case when is_grantable then ' with grant option' else '' end)
                 from given where grantee not in (relowner, 'lifecycle'::regrole)
                union all
               select format('alter publication %I add table %s', b.pubname, w.name)
                 from whole w join pg_publication_rel e on e.prrelid = w.oid join pg_publication b on b.oid = e.prpubid
                order by 1)
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
create or replace function lifecycle.end_detached(of_run bigint, of_holder text, of_attempt integer, of_relation oid,
                                                  how text)
    returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    noted bigint;
begin
    if lifecycle.hold_run(of_run, of_holder, of_attempt) is null then
        return null;
    end if;
    update lifecycle.detached d
       set ended_at = clock_timestamp(), ended = how, ended_by = of_run
     where d.relation = of_relation and d.ended_at is null
       and case how
           when 'dropped' then d.detached_at is not null and d.drop_not_before <= clock_timestamp()
                               and not exists (select from pg_class c where c.oid = of_relation)
           when 'gone' then not exists (select from pg_class c where c.oid = of_relation)
           when 'attached again' then d.detached_at is not null
                                      and exists (select from pg_inherits i where i.inhrelid = of_relation)
           when 'not begun' then d.detached_at is null
                                 and exists (select from pg_inherits i
                                              where i.inhrelid = of_relation and not i.inhdetachpending) end
    returning d.id into noted;
    if noted is null then
        raise exception 'relation % was not yet to be %', of_relation, how
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    return noted;
end $$;
