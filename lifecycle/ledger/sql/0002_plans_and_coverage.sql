-- Plans that were shown to a person: what `apply HASH` goes back to, and what a changed world is compared with.
-- Names, counts and digests only, as in all of the ledger.
create table lifecycle.plan (
    system    text not null,
    hash      text not null,
    room      text not null,
    document  jsonb not null,
    shown_at  timestamptz not null default clock_timestamp(),
    primary key (system, hash)
);
grant select, insert on lifecycle.plan to lifecycle;

-- What a run's verdict was made of: how many places were promised, looked at, not looked at and why, and a digest of
-- all of them (see coverage.py). Null where a run ended before it judged.
alter table lifecycle.run add column coverage jsonb;

-- The one plan that a run carries out: also when it is resumed, by whoever takes it up. Null where a run does what is due.
alter table lifecycle.run add column plan text, add foreign key (system, plan) references lifecycle.plan (system, hash);
