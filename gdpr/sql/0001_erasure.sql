-- One row per erasure. `request` is the application's own id of the request, whose row outlives the person and
-- names nobody once it is completed. `sealed` holds what a resumed run must know (who, which objects, which
-- payer), encrypted with a key that is not in this database; it is null as soon as the proof holds.

create table lifecycle.erasure (
    reference   text primary key,
    request     text not null,
    requests    text[] not null default '{}',   -- all open requests of the same person: answered together
    state       text not null check (state in ('sealed', 'erased', 'proven')),
    sealed      bytea,
    claimed_at  timestamptz not null default clock_timestamp(),
    erased_at   timestamptz,
    proven_at   timestamptz,
    tables      jsonb not null default '{}',    -- table -> rows
    check ((state = 'proven') = (sealed is null)),
    check ((state = 'proven') = (proven_at is not null)),
    check ((state = 'sealed') = (erased_at is null))
);

grant select, insert, update on lifecycle.erasure to lifecycle;
