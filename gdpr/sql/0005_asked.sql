-- One row per request to be forgotten, from the first night on that saw it open, whatever becomes of its row in the
-- application since: a row is our own word that somebody asked. `reference` and `person` are keyed digests. `sealed`
-- holds whose it is, the application's own id of it, and all that the person went by and had outside the database on any
-- night since, encrypted with a key that is not in this database; it is emptied when the request has ended.

create table lifecycle.asked (
    asked_id    bigint generated always as identity primary key,
    system      text not null,
    kind        text not null,
    reference   text not null,
    person      text not null,
    asked       timestamptz,                    -- as the application's row had it: null where that was no date
    sealed      bytea,
    noted_at    timestamptz not null default statement_timestamp(),
    joined_at   timestamptz not null default statement_timestamp(),  -- when something was added that was not there before
    ended_at    timestamptz,
    how         text check (how in ('proven', 'withdrawn', 'asked again')),
    check ((ended_at is null) = (sealed is not null)),
    check ((ended_at is null) = (how is null))
);

create unique index asked_open on lifecycle.asked (system, reference, person) where ended_at is null;
create index asked_person on lifecycle.asked (person) where ended_at is null;
create index asked_reference on lifecycle.asked (reference);

grant select on lifecycle.asked to lifecycle;
grant insert (system, kind, reference, person, asked, sealed) on lifecycle.asked to lifecycle;
grant update (asked, sealed, joined_at, ended_at, how) on lifecycle.asked to lifecycle;
