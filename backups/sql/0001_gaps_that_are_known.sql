-- Gaps in WAL-G's archive of the log that somebody knows of, on whose word, why and until when: while one stands the
-- watch names it and does not fail for it. Said once and never changed; whoever knows better says it anew.

create table lifecycle.gap_known (
    id        bigint generated always as identity primary key,
    first     text not null check (first ~ '^[0-9A-F]{24}$'),
    last      text not null check (last ~ '^[0-9A-F]{24}$'),
    because   text not null check (because <> ''),
    said_by   text not null check (said_by <> ''),
    said_at   timestamptz not null default clock_timestamp(),
    until     timestamptz not null,
    run_id    bigint not null,
    check (until > said_at)
);

create trigger gap_known_is_append_only before update or delete on lifecycle.gap_known
    for each row execute function lifecycle.refuse_change();
create trigger gap_known_is_not_truncated before truncate on lifecycle.gap_known
    for each statement execute function lifecycle.refuse_change();

grant select, insert on lifecycle.gap_known to lifecycle;
