-- The run ledger. Owned by whoever ran `lifecycle init`; the service role gets exactly the grants at the end.

create table lifecycle.installation (
    system      text primary key,
    only_one    boolean not null default true unique check (only_one),   -- one policy per database
    created_at  timestamptz not null default clock_timestamp()
);

-- One row per job: up to when its slots have been turned into runs.
create table lifecycle.schedule (
    system         text not null,
    job            text not null,
    cron           text not null,
    covered_until  timestamptz not null,
    paused_at      timestamptz,
    pause_reason   text,
    primary key (system, job)
);

create table lifecycle.run (
    id             bigint generated always as identity primary key,
    system         text not null,
    job            text not null,
    scheduled_for  timestamptz not null,
    state          text not null default 'queued'
                   check (state in ('queued', 'running', 'finished', 'lost', 'missed', 'cancelled')),
    verdict        text check (verdict in ('pass', 'fail', 'could not verify', 'not configured')),
    asked_by       text not null default 'schedule' check (asked_by in ('schedule', 'person')),
    attempt        integer not null default 0,
    holder         text,
    not_before     timestamptz not null default clock_timestamp(),
    queued_at      timestamptz not null default clock_timestamp(),
    started_at     timestamptz,
    deadline_at    timestamptz,
    finished_at    timestamptz,
    error_code     integer,
    summary        text,
    failures       jsonb not null default '[]',
    counts         jsonb not null default '{}',
    unique (system, job, scheduled_for),
    check ((state = 'finished') = (verdict is not null)),
    check ((state = 'running') = (holder is not null))
);
-- Two runs of one job never overlap, whoever starts them.
create unique index run_one_at_a_time on lifecycle.run (system, job) where state = 'running';
create index run_waiting on lifecycle.run (system, scheduled_for) where state = 'queued';
create index run_latest on lifecycle.run (system, job, finished_at desc);

-- The last sign of life of a running run's process. Not a column of the run: a transaction that destroys holds
-- the run's row for as long as it lasts, and the process must be able to say that it is alive meanwhile.
create table lifecycle.heartbeat (
    run_id  bigint primary key references lifecycle.run,
    at      timestamptz not null
);

-- What a run changed. An effect inside the database has one row, committed with the change; an effect
-- outside (S3, Stripe, a program) has an intent before and an outcome after.
create table lifecycle.evidence (
    id         bigint generated always as identity primary key,
    run_id     bigint not null references lifecycle.run,
    attempt    integer not null,
    at         timestamptz not null default clock_timestamp(),
    kind       text not null check (kind in ('effect', 'intent', 'outcome', 'finding')),
    event      text not null check (event ~ '^[a-z]+\.[a-z_]+$'),
    target     text not null,
    reference  text,                      -- keyed digest of a request or a person, never an identifier
    counts     jsonb not null default '{}',
    digest     text
);
create index evidence_of_run on lifecycle.evidence (run_id, id);
create index evidence_of_reference on lifecycle.evidence (reference, id) where reference is not null;

-- Evidence is written once. A superuser can drop the trigger; the audit room's seal is what notices.
create function lifecycle.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'lifecycle.% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger evidence_is_append_only before update or delete on lifecycle.evidence
    for each row execute function lifecycle.refuse_change();
create trigger evidence_is_not_truncated before truncate on lifecycle.evidence
    for each statement execute function lifecycle.refuse_change();

-- Alerts are written with the state change they speak of and delivered afterwards, so that none is lost.
create table lifecycle.alert (
    id            bigint generated always as identity primary key,
    system        text not null,
    job           text,
    run_id        bigint references lifecycle.run,
    kind          text not null,
    message       text not null,
    created_at    timestamptz not null default clock_timestamp(),
    delivered_at  timestamptz,
    attempts      integer not null default 0,
    not_before    timestamptz not null default clock_timestamp()
);
create index alert_undelivered on lifecycle.alert (not_before) where delivered_at is null;

create table lifecycle.daemon (
    id          text primary key,
    host        text not null,
    pid         integer not null,
    version     text not null,
    policy      text not null,            -- digest of the policy file it works by
    started_at  timestamptz not null default clock_timestamp(),
    seen_at     timestamptz not null default clock_timestamp(),
    stopped_at  timestamptz
);

grant usage on schema lifecycle to lifecycle;
grant select on all tables in schema lifecycle to lifecycle;
grant insert, update on lifecycle.schedule, lifecycle.run, lifecycle.heartbeat, lifecycle.alert, lifecycle.daemon
    to lifecycle;
grant insert on lifecycle.evidence, lifecycle.installation to lifecycle;
