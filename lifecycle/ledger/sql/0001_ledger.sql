-- The run ledger. Owned by whoever ran `lifecycle init`; the service role gets exactly the grants at the end.
--
-- Lines of evidence and attempts are many and never change: they lie in monthly partitions, and leave as whole months.
-- Runs are few enough for one table, so that a slot is there once, and one index finds a run by its number.

create table lifecycle.installation (
    system      text primary key,
    only_one    boolean not null default true unique check (only_one),   -- one policy per database
    created_at  timestamptz not null default clock_timestamp()
);

-- What the schedule said from when to when: daemons of another policy or release make a new generation.
create table lifecycle.generation (
    id        bigint generated always as identity primary key,
    system    text not null,
    policy    text not null,              -- digest of the policy file
    version   text not null,              -- the release
    timezone  text not null,
    jobs      jsonb not null,             -- job -> cron expression
    since     timestamptz not null,
    until     timestamptz,                -- null: the one that holds
    lives_until  timestamptz not null     -- later than now while a daemon lives that works by it
);
create unique index generation_that_holds on lifecycle.generation (system) where until is null;

-- One row per job: up to when its slots have been turned into runs, and by which schedule.
create table lifecycle.schedule (
    system         text not null,
    job            text not null,
    cron           text not null,
    timezone       text not null,
    covered_until  timestamptz not null,
    primary key (system, job)
);

-- When somebody kept a job from running, and why. Its slots are missed meanwhile.
create table lifecycle.pause (
    system  text not null,
    job     text not null,
    since   timestamptz not null,
    until   timestamptz,                  -- null: still paused
    reason  text not null
);
create unique index pause_that_holds on lifecycle.pause (system, job) where until is null;

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
    lease          interval,                   -- how long the holder may be silent before it has lost the run
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
    check ((state = 'running') = (holder is not null)),
    check (state <> 'running' or lease is not null)
);
-- Two runs of one job never overlap, whoever starts them.
create unique index run_one_at_a_time on lifecycle.run (system, job) where state = 'running';
create index run_waiting on lifecycle.run (system, scheduled_for) where state = 'queued';
-- Nothing was found wrong: what was not looked at is told by the newest run's verdict, and is no silence.
create index run_passed on lifecycle.run (system, job, finished_at) where verdict in ('pass', 'could not verify');
create index run_newest on lifecycle.run (system, scheduled_for, id);
create index run_by_ending on lifecycle.run (system, coalesce(verdict, state), scheduled_for, id);
create index run_ended on lifecycle.run (system, finished_at, scheduled_for);

-- The last sign of life of a running run's process. Not a column of the run: a transaction that destroys holds
-- the run's row for as long as it lasts, and the process must be able to say that it is alive meanwhile.
create table lifecycle.heartbeat (
    run_id  bigint primary key references lifecycle.run on delete cascade,
    at      timestamptz not null
);

-- What can only be counted, and what a month that left must not take along: slots nobody ran, runs that were lost.
create table lifecycle.tally (
    system  text not null,
    job     text not null,
    missed  bigint not null default 0,
    lost    bigint not null default 0,
    primary key (system, job)
);

-- How each attempt at a run ended, and each time a person queued it again. Written by whoever ends it, in the statement
-- that does; the attempt that goes on is the run's own row.
create table lifecycle.attempt (
    run_id      bigint not null,
    attempt     integer not null,
    at          timestamptz not null default clock_timestamp(),
    started_at  timestamptz,
    holder      text,
    host        text generated always as (split_part(holder, ':', 1)) stored,
    how         text not null check (how in ('finished', 'queued again', 'lost', 'cancelled', 'resumed')),
    verdict     text,
    error_code  integer,
    summary     text,
    failures    jsonb not null default '[]',
    counts      jsonb not null default '{}'
) partition by range (at);
create index attempt_of_run on lifecycle.attempt (run_id, at);

-- What a run changed. An effect inside the database has one row, committed with the change; an effect
-- outside (S3, Stripe, a program) has an intent before and an outcome after. It names its run without a foreign
-- key: only a run that is held can record, and each insert would pay for the question.
create table lifecycle.evidence (
    id         bigint generated always as identity,
    run_id     bigint not null,
    attempt    integer not null,
    at         timestamptz not null default clock_timestamp(),
    kind       text not null check (kind in ('effect', 'intent', 'outcome', 'finding')),
    event      text not null check (event ~ '^[a-z]+\.[a-z_]+$'),
    target     text not null,
    reference  text,                      -- keyed digest of a request or a person, never an identifier
    counts     jsonb not null default '{}',
    digest     text,
    primary key (at, id)
) partition by range (at);
create index evidence_of_run on lifecycle.evidence (run_id, id);
create index evidence_of_reference on lifecycle.evidence (reference, id) where reference is not null;

-- Both are written once. A superuser can drop the triggers; the audit room's seal is what notices.
create function lifecycle.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'lifecycle.% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger evidence_is_append_only before update or delete on lifecycle.evidence
    for each row execute function lifecycle.refuse_change();
create trigger evidence_is_not_truncated before truncate on lifecycle.evidence
    for each statement execute function lifecycle.refuse_change();
create trigger attempt_is_append_only before update or delete on lifecycle.attempt
    for each row execute function lifecycle.refuse_change();
create trigger attempt_is_not_truncated before truncate on lifecycle.attempt
    for each statement execute function lifecycle.refuse_change();

-- Alerts are written with the state change they speak of and delivered afterwards, so that none is lost.
create table lifecycle.alert (
    id            bigint generated always as identity primary key,
    system        text not null,
    job           text,
    run_id        bigint references lifecycle.run on delete set null,
    kind          text not null,
    message       text not null,
    created_at    timestamptz not null default clock_timestamp(),
    delivered_at  timestamptz,
    attempts      integer not null default 0,
    not_before    timestamptz not null default clock_timestamp()
);
create index alert_undelivered on lifecycle.alert (not_before) where delivered_at is null;
create index alert_by_kind on lifecycle.alert (system, kind, created_at);
create index alert_of_job on lifecycle.alert (system, job, id);
create index alert_of_run on lifecycle.alert (run_id) where run_id is not null;

create table lifecycle.daemon (
    id          text primary key,
    host        text not null,
    pid         integer not null,
    version     text not null,
    policy      text not null,            -- digest of the policy file it works by
    schedules   boolean not null default true,   -- false: a worker, which plans nothing
    started_at  timestamptz not null default clock_timestamp(),
    seen_at     timestamptz not null default clock_timestamp(),
    stopped_at  timestamptz
);

-- --- months: made ahead by whoever works on the ledger, dropped when they were written down elsewhere

-- Make the partitions of this month and of the `ahead` next ones; return how many. With the rights of the owner, as
-- the service owns no table. A partition gets the rights, triggers and indexes of its parent.
create function lifecycle.make_months(ahead integer) returns integer language plpgsql
    security definer set search_path = pg_catalog, pg_temp as $$
declare
    this_month constant timestamp := date_trunc('month', clock_timestamp() at time zone 'UTC');
    lower timestamp;
    parent text;
    child text;
    reader record;
    made integer := 0;
begin
    if to_regclass('lifecycle.attempt_' || to_char(this_month + make_interval(months => ahead), 'YYYY_MM')) is not null
    then
        return 0;
    end if;
    perform pg_advisory_xact_lock(hashtext('lifecycle.make_months'));   -- several daemons may come at once
    for step in 0..ahead loop
        lower := this_month + make_interval(months => step);
        foreach parent in array array['evidence', 'attempt'] loop
            child := parent || '_' || to_char(lower, 'YYYY_MM');
            continue when to_regclass('lifecycle.' || child) is not null;
            execute format('create table lifecycle.%I (like lifecycle.%I including defaults including constraints '
                           'including generated including indexes including storage)', child, parent);
            execute format('alter table lifecycle.%I attach partition lifecycle.%I for values from (%L) to (%L)',
                           parent, child, lower || '+00', lower + interval '1 month' || '+00');
            execute format('create trigger %I before truncate on lifecycle.%I for each statement '
                           'execute function lifecycle.refuse_change()', parent || '_is_not_truncated', child);
            for reader in select grantee::regrole as role from pg_class, aclexplode(relacl)
                           where oid = format('lifecycle.%I', parent)::regclass and privilege_type = 'SELECT'
                             and grantee not in (0, relowner) loop
                execute format('grant select on lifecycle.%I to %s', child, reader.role);
            end loop;
            made := made + 1;
        end loop;
    end loop;
    return made;
end $$;

-- Drop a month: its evidence and attempts, the runs that ended and the alerts that were raised in it. With the rights
-- of the owner, and only what no error and no stranger with the service's password may take too early: a month that
-- is at least a year old, and of which this run says on the ledger that it was written down and read back.
create function lifecycle.drop_month(first date, run bigint) returns bigint language plpgsql
    security definer set search_path = pg_catalog, pg_temp set lock_timeout = '250ms' as $$
declare
    lower constant timestamptz := date_trunc('month', first::timestamp) at time zone 'UTC';
    upper constant timestamptz := (date_trunc('month', first::timestamp) + interval '1 month') at time zone 'UTC';
    name constant text := to_char(first, 'YYYY_MM');
    gone bigint;
begin
    if upper > clock_timestamp() - interval '1 year' then
        raise exception 'the ledger of % is not a year old', name using errcode = 'insufficient_privilege';
    end if;
    if not exists (select from lifecycle.evidence
                    where run_id = run and event = 'records.exported' and kind = 'outcome'
                      and target = to_char(first, 'YYYY-MM') and at > clock_timestamp() - interval '1 day') then
        raise exception 'the ledger of % was not written down elsewhere', name using errcode = 'insufficient_privilege';
    end if;
    execute format('drop table if exists lifecycle.%I, lifecycle.%I', 'evidence_' || name, 'attempt_' || name);
    delete from lifecycle.alert where created_at >= lower and created_at < upper;
    delete from lifecycle.run where finished_at >= lower and finished_at < upper;
    get diagnostics gone = row_count;
    return gone;
end $$;

revoke execute on function lifecycle.make_months(integer), lifecycle.drop_month(date, bigint) from public;

-- --- what the service may

grant usage on schema lifecycle to lifecycle;
grant select on all tables in schema lifecycle to lifecycle;
grant insert, update on lifecycle.generation, lifecycle.schedule, lifecycle.pause, lifecycle.run, lifecycle.heartbeat,
    lifecycle.tally, lifecycle.alert, lifecycle.daemon to lifecycle;
grant insert on lifecycle.evidence, lifecycle.attempt, lifecycle.installation to lifecycle;
grant execute on function lifecycle.make_months(integer), lifecycle.drop_month(date, bigint) to lifecycle;

select lifecycle.make_months(2);
