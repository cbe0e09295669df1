-- Whose rows were there is told by a snapshot, and a snapshot of pg_current_snapshot() names no subtransaction: one that
-- a savepoint, or a block with an exception in PL/pgSQL, had begun by then was taken for committed, and what it wrote
-- later for old.

-- A snapshot in which a transaction is visible only if it had committed by now, subtransactions too; what has committed
-- while it is made may be missing. Each number since the oldest that is under way is asked for. Where there are more than
-- a second's work, nothing from the oldest on is visible.
create function lifecycle.committed() returns pg_snapshot language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    seen constant pg_snapshot := pg_current_snapshot();
    oldest constant bigint := pg_snapshot_xmin(seen)::text::bigint;
    following constant bigint := pg_snapshot_xmax(seen)::text::bigint;
begin
    if following - oldest > 1000000 then
        return format('%s:%s:', oldest, oldest)::pg_snapshot;
    end if;
    return format('%s:%s:%s', oldest, following, (
        select string_agg(number::text, ',' order by number) from generate_series(oldest, following - 1) as number
         where pg_xact_status(number::text::xid8) is distinct from 'committed'))::pg_snapshot;
end $$;
revoke all on function lifecycle.committed from public;
grant execute on function lifecycle.committed to lifecycle;

-- The snapshot is taken when a detach begins, before any lock: what comes between that and the note is new as well, also
-- where a run was killed there and the next one notes it.
alter table lifecycle.detached drop constraint detached_check;
alter table lifecycle.detached add constraint detached_check
    check ((detached_at is null) = (drop_not_before is null) and (detached_at is null or snapshot is not null));

-- What stands alone already was noted without its subtransactions: all since the oldest counts as new.
update lifecycle.detached
   set snapshot = format('%1$s:%1$s:', pg_snapshot_xmin(snapshot))::pg_snapshot
 where ended_at is null and pg_snapshot_xmin(snapshot) <> pg_snapshot_xmax(snapshot);

-- Say that a partition is about to be taken off. One that was begun and never done is begun again.
create or replace function lifecycle.begin_detach(of_run bigint, of_holder text, of_attempt integer, of_relation oid,
                                                  of_why text, of_grace interval) returns bigint language plpgsql
    security definer set search_path = pg_catalog, pg_temp as $$
declare
    noted bigint;
begin
    if lifecycle.hold_run(of_run, of_holder, of_attempt) is null then
        return null;
    end if;
    insert into lifecycle.detached as d (relation, name, parent, bound, why, grace, run_id, snapshot)
    select c.oid,
           case when n.nspname = 'public' and position('.' in c.relname) = 0 then c.relname
                else n.nspname || '.' || c.relname end,
           case when m.nspname = 'public' and position('.' in p.relname) = 0 then p.relname
                else m.nspname || '.' || p.relname end,
           pg_get_expr(c.relpartbound, c.oid), of_why, of_grace, of_run, lifecycle.committed()
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      join pg_inherits i on i.inhrelid = c.oid
      join pg_class p on p.oid = i.inhparent
      join pg_namespace m on m.oid = p.relnamespace
     where c.oid = of_relation and c.relispartition
        on conflict (relation) where ended_at is null
        do update set why = of_why, grace = of_grace, run_id = of_run, snapshot = excluded.snapshot
         where d.detached_at is null
    returning d.id into noted;
    if noted is null then
        raise exception 'relation % is no partition that could be taken off', of_relation
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    return noted;
end $$;

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
           snapshot = coalesce(d.snapshot, lifecycle.committed()),   -- null: begun before 0009
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
