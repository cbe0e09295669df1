-- Legal holds: what must not be destroyed, on whose word, why and until when. Said once: a hold is released by a line of
-- its own, and neither is ever changed. `key` is a person's, as it stands in the tables themselves.
--
-- Whoever destroys reads the holds in the same transaction, and keeps that lock until it has ended. `place_hold` waits for
-- them all: what is on hold when it returns, nothing destroys that had not been destroyed before.

create table lifecycle.hold (
    hold_id      bigint generated always as identity primary key,
    covers       text not null check (covers in ('person', 'table', 'span', 'value')),
    subject      text,
    table_name   text,
    column_name  text,
    key          text,
    since        timestamptz,
    before       timestamptz,
    because      text not null check (because <> ''),
    placed_by    text not null check (placed_by <> ''),
    placed_at    timestamptz not null default clock_timestamp(),
    until        timestamptz,
    check ((covers = 'person') = (subject is not null)),
    check ((covers in ('table', 'span')) = (table_name is not null)),
    check ((covers in ('span', 'value')) = (column_name is not null)),
    check ((covers in ('person', 'value')) = (key is not null)),
    check ((covers = 'span') = (since < before)),
    check (until is null or until > placed_at)
);

create table lifecycle.hold_release (
    hold_id      bigint primary key references lifecycle.hold,
    because      text not null check (because <> ''),
    released_by  text not null check (released_by <> ''),
    released_at  timestamptz not null default clock_timestamp()
);

create trigger hold_is_append_only before update or delete on lifecycle.hold
    for each row execute function lifecycle.refuse_change();
create trigger hold_is_not_truncated before truncate on lifecycle.hold
    for each statement execute function lifecycle.refuse_change();
create trigger hold_release_is_append_only before update or delete on lifecycle.hold_release
    for each row execute function lifecycle.refuse_change();
create trigger hold_release_is_not_truncated before truncate on lifecycle.hold_release
    for each statement execute function lifecycle.refuse_change();

create function lifecycle.place_hold(covers text, subject text, table_name text, column_name text, key text,
                                     since timestamptz, before timestamptz, because text, placed_by text,
                                     until timestamptz) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    placed bigint;
begin
    lock table lifecycle.hold in access exclusive mode;
    insert into lifecycle.hold (covers, subject, table_name, column_name, key, since, before, because, placed_by, until)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning hold_id into placed;
    return placed;
end $$;

create function lifecycle.release_hold(of_hold bigint, because text, released_by text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    lock table lifecycle.hold in access exclusive mode;
    insert into lifecycle.hold_release (hold_id, because, released_by)
    select h.hold_id, $2, $3 from lifecycle.hold h where h.hold_id = $1
        on conflict do nothing;
    return found;
end $$;

revoke all on function lifecycle.place_hold, lifecycle.release_hold from public;
grant execute on function lifecycle.place_hold, lifecycle.release_hold to lifecycle;
grant select on lifecycle.hold, lifecycle.hold_release to lifecycle, lifecycle_ddl;
