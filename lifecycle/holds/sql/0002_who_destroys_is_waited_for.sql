-- Nobody who only reads the holds is in the way of a new one, nor it in theirs. Who destroys takes an advisory lock, shared,
-- before it reads them (lifecycle/holds/gate.py); who has placed one waits for those alone that had begun before
-- (place.py). The lock on the table is in nobody's way but another placing's: it tells a transaction that destroys that
-- code of the application's has placed or released a hold in it.

create or replace function lifecycle.place_hold(covers text, subject text, table_name text, column_name text, key text,
                                     since timestamptz, before timestamptz, because text, placed_by text,
                                     until timestamptz) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    placed bigint;
begin
    lock table lifecycle.hold in share update exclusive mode;
    insert into lifecycle.hold (covers, subject, table_name, column_name, key, since, before, because, placed_by, until)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning hold_id into placed;
    return placed;
end $$;

create or replace function lifecycle.release_hold(of_hold bigint, because text, released_by text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    lock table lifecycle.hold in share update exclusive mode;
    insert into lifecycle.hold_release (hold_id, because, released_by)
    select h.hold_id, $2, $3 from lifecycle.hold h where h.hold_id = $1
        on conflict do nothing;
    return found;
end $$;

-- A value as PostgreSQL spells one of this type, null where it is none: `7` of numeric(8,2) is `7.00`.
create function lifecycle.spelled(value text, as_type text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    found text;
begin
    execute format('select concat(%L::%s)', value, as_type) into found;
    return found;
exception when others then
    return null;
end $$;
revoke all on function lifecycle.spelled from public;
grant execute on function lifecycle.spelled to lifecycle, lifecycle_ddl;
