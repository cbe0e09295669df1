-- While a fence stands, rows of this database are neither read out nor spread: a room has seen that it was put back to
-- what must not be there any more. Of a fence its end alone is added.

create table lifecycle.fence (
    fence_id  bigint generated always as identity primary key,
    system    text not null,
    room      text not null,
    since     timestamptz not null default clock_timestamp(),
    until     timestamptz,                  -- null: it stands
    why       text not null,
    hint      text not null
);
create unique index fence_that_stands on lifecycle.fence (system, room) where until is null;
create trigger fence_ends_once before update on lifecycle.fence
    for each row execute function lifecycle.end_once();

grant select on lifecycle.fence to lifecycle, lifecycle_ddl;
grant insert (system, room, why, hint), update (until) on lifecycle.fence to lifecycle;
