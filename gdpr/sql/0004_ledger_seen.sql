-- How far this database has followed the ledger of erasures that lies outside it, in the bucket: the highest number there
-- whose erasure it knows. A database that was put back knows less than the bucket. Nobody but the service may say so, and
-- nobody takes it back.

create table lifecycle.erasure_seen (
    seen_id  bigint generated always as identity primary key,
    number   bigint not null,
    at       timestamptz not null default clock_timestamp(),
    how      text not null check (how in ('first asked', 'proven', 'replayed'))
);
create index erasure_seen_number on lifecycle.erasure_seen (number);

create trigger erasure_seen_is_append_only before update or delete on lifecycle.erasure_seen
    for each row execute function lifecycle.refuse_change();
create trigger erasure_seen_is_not_truncated before truncate on lifecycle.erasure_seen
    for each statement execute function lifecycle.refuse_change();

grant select on lifecycle.erasure_seen to lifecycle, lifecycle_ddl;
grant insert (number, how) on lifecycle.erasure_seen to lifecycle;

-- The number under which its line was about to be written there. Known before the line is: so the moments between the line
-- and the answer are none in which this database is older than the ledger.
alter table lifecycle.erasure add column line bigint;
