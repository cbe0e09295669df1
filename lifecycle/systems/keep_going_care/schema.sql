-- Keep Going Care: the tables that its owner's guide describes or names, on PostgreSQL 15 to 18.
--
-- Run by a superuser in an empty database, without parameters, as often as there are databases: the
-- roles belong to the cluster and are made only where they are missing. Everything else is owned by
-- kgc_owner. Partitioned tables come without partitions.
--
-- "Choice:" marks a place where the owner's guide leaves something open or contradicts itself or
-- PostgreSQL, and what is done here.


-- Roles -------------------------------------------------------------------------------------------

do $$
declare
    wanted text;
begin
    foreach wanted in array array['kgc_owner', 'kgc_app'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            execute format('create role %I nologin', wanted);
        end if;
    end loop;
exception
    -- Another database of this cluster is being set up at the same moment and was first.
    when duplicate_object or unique_violation then
        null;
end
$$;

create schema drizzle authorization kgc_owner;
grant usage, create on schema public to kgc_owner;
grant usage on schema public to kgc_app;
set role kgc_owner;

-- Choice: the guide says "timestamp with timezone awareness" and writes timestamp(), which Drizzle makes
-- without one. All are timestamptz.


-- Core system -------------------------------------------------------------------------------------

-- Doctors, patients and administrators are rows of one table.
create table users (
    id serial primary key,
    uin varchar(20) not null unique,
    username varchar(50) not null unique,
    email varchar(255) not null unique check (email = lower(email)),
    name varchar(120) not null,
    phone varchar(40),
    password varchar(255) not null,
    role varchar(20) not null check (role in ('patient', 'doctor', 'admin')),
    is_active boolean not null default true,
    created_at timestamptz not null default now()
);

create table auth_sessions (
    id serial primary key,
    user_id integer not null references users,
    sid varchar(128) not null unique,
    sess json not null,
    expires_at timestamptz not null
);
create index on auth_sessions (user_id);

create table system_config (
    id serial primary key,
    key varchar(80) not null unique,
    value json not null,
    updated_by integer,
    updated_at timestamptz not null default now()
);


-- Health data -------------------------------------------------------------------------------------

-- Choice: "time-based partitioning for metrics tables", by month. id alone cannot be the primary key
-- then, though "every table has a single-column integer primary key".
create table health_metrics (
    id serial,
    user_id integer not null references users,
    date timestamptz not null default now(),
    medication_score real not null constraint medication_score_check check (medication_score between 0 and 100),
    diet_score real not null constraint diet_score_check check (diet_score between 0 and 100),
    exercise_score real not null constraint exercise_score_check check (exercise_score between 0 and 100),
    remark text,
    primary key (id, date)
) partition by range (date);
create index health_metrics_user_date_idx on health_metrics (user_id, date);

create table care_plan_directives (
    id serial primary key,
    user_id integer not null references users,
    written_by integer references users,
    category varchar(20) not null check (category in ('medication', 'diet', 'exercise')),
    directive text not null,
    target_value real,
    active boolean not null default true,
    created_at timestamptz not null default now()
);
create index on care_plan_directives (user_id) where active;
create index on care_plan_directives (written_by);

create table progress_milestones (
    id serial primary key,
    user_id integer not null references users,
    title varchar(200) not null,
    progress real not null default 0 check (progress between 0 and 100),
    reached_at timestamptz,
    created_at timestamptz not null default now()
);
create index on progress_milestones (user_id);

-- "Report tables store computed values to avoid expensive joins."
create table patient_progress_reports (
    id serial primary key,
    user_id integer not null references users,
    reviewed_by integer references users,
    starts_on date not null,
    ends_on date not null,
    overall_score real not null check (overall_score between 0 and 100),
    summary text,
    created_at timestamptz not null default now()
);
create index on patient_progress_reports (user_id);
create index on patient_progress_reports (reviewed_by);


-- Relationships -----------------------------------------------------------------------------------

create table doctor_patients (
    id serial primary key,
    doctor_id integer not null references users,
    patient_id integer not null references users,
    active boolean not null default true,
    treatment_notes text,
    created_at timestamptz not null default now(),
    unique (doctor_id, patient_id),
    check (doctor_id <> patient_id)
);
create index on doctor_patients (patient_id);

-- Sent to an address, before its owner is a user.
create table invitations (
    id serial primary key,
    doctor_id integer not null references users,
    email varchar(255) not null,
    token varchar(80) not null unique,
    status varchar(20) not null default 'sent' check (status in ('sent', 'accepted', 'expired')),
    accepted_by integer references users,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index on invitations (doctor_id);
create index on invitations (accepted_by);


-- Memory and recommendations ----------------------------------------------------------------------

create table chat_memory (
    id serial primary key,
    user_id integer not null references users,
    memory_system text not null default 'semantic',
    type text not null,
    content text not null,
    context json,
    importance real default 0.5,
    embeddings text,
    last_accessed timestamptz,
    access_count integer default 0,
    expires_at timestamptz,
    created_at timestamptz not null default now()
);
create index chat_memory_user_id_idx on chat_memory (user_id);
create index chat_memory_type_idx on chat_memory (type);
create index chat_memory_user_type_idx on chat_memory (user_id, type);
-- Choice: an index "where expires_at > NOW()" cannot be, its rows would have to leave by themselves.
create index chat_memory_active_idx on chat_memory (user_id, importance) where expires_at is null;
-- Choice: GIN has no way with the text of ->>. The topics as jsonb have one.
create index chat_memory_context_topics_idx on chat_memory using gin (((context::jsonb) -> 'relatedTopics'));

create table feature_usage (
    id serial primary key,
    user_id integer not null references users,
    feature varchar(60) not null,
    count integer not null default 0,
    last_used timestamptz
);
create index on feature_usage (user_id);

create table recommendations (
    id serial primary key,
    user_id integer not null references users,
    directive_id integer references care_plan_directives,
    category varchar(20) not null,
    content text not null,
    created_at timestamptz not null default now()
);
create index on recommendations (user_id);
create index on recommendations (directive_id);


-- Content -----------------------------------------------------------------------------------------

create table content_items (
    id serial primary key,
    author_id integer references users,
    kind varchar(20) not null,
    title varchar(200) not null,
    body text
);
create index on content_items (author_id);

create table user_content_preferences (
    id serial primary key,
    user_id integer not null unique references users,
    preferences json not null
);

create table user_favourites (
    id serial primary key,
    user_id integer not null references users,
    content_id integer not null references content_items,
    note text,
    unique (user_id, content_id)
);

create table content_interactions (
    id serial primary key,
    user_id integer not null references users,
    content_id integer not null references content_items,
    action varchar(20) not null,
    at timestamptz not null default now()
);
create index on content_interactions (user_id);


-- Archives ----------------------------------------------------------------------------------------

-- Filled by "insert into health_metrics_archive select * from health_metrics", a table for each year.
-- "Minimal indexes", and no foreign keys.
create table health_metrics_archive (
    id integer not null,
    user_id integer not null,
    date timestamptz not null,
    medication_score real not null,
    diet_score real not null,
    exercise_score real not null,
    remark text
) partition by range (date);
create index on health_metrics_archive (user_id);

create table chat_memory_archive (
    id integer primary key,
    user_id integer not null,
    type text not null,
    content text not null,
    context json,
    created_at timestamptz not null
);
create index on chat_memory_archive (user_id);


-- Log and requests --------------------------------------------------------------------------------

-- No foreign keys: the log outlives what it speaks about.
create table audit_log (
    id serial primary key,
    user_id integer,
    actor_id integer,
    table_name varchar(60) not null,
    record_id integer,
    action varchar(10) not null check (action in ('INSERT', 'UPDATE', 'DELETE', 'READ')),
    old_values jsonb,
    new_values jsonb,
    ip_address inet,
    created_at timestamptz not null default clock_timestamp()
);
create index on audit_log (user_id);
create index on audit_log (actor_id);

-- Choice: the guide has no place where a person asks to be forgotten.
create table erasure_requests (
    id serial primary key,
    user_id integer references users,
    requested_at timestamptz not null default now(),
    due_at timestamptz not null default now() + interval '30 days',
    status varchar(20) not null default 'pending' check (status in ('pending', 'processing', 'completed', 'canceled')),
    completed_at timestamptz,
    tables_erased text[]
);
create index on erasure_requests (user_id);

create table drizzle.__drizzle_migrations (
    id serial primary key,
    hash text not null,
    created_at bigint
);

-- "Create materialized views for complex reports": of all users together.
create materialized view mv_feature_usage as
select feature, count(*) as users, sum(count) as uses
  from feature_usage
 group by feature;
create unique index on mv_feature_usage (feature);


-- What is written down of every change ------------------------------------------------------------

create function audit_change() returns trigger language plpgsql security definer
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC' as $$
declare
    row_before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    row_after jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    any_row jsonb := coalesce(row_after, row_before);
    run text := nullif(current_setting('lifecycle.run', true), '');
begin
    -- To copy what is removed into the log at that very moment would undo the removal: when it is
    -- Lifecycle that removes, the log says that a row was changed and by which run, and no value.
    if session_user = 'lifecycle' and run is not null then
        row_before := null;
        row_after := jsonb_build_object('lifecycle_run', run);
    end if;
    insert into public.audit_log (user_id, actor_id, table_name, record_id, action, old_values, new_values, ip_address)
    values ((any_row ->> tg_argv[0])::integer,
            nullif(current_setting('app.current_user_id', true), '')::integer,
            tg_argv[1], (any_row ->> 'id')::integer, tg_op, row_before, row_after,
            nullif(current_setting('app.ip_address', true), '')::inet);
    return null;
end
$$;

-- Every table of people's data but the archives, which hold what the log has seen already.
do $$
declare
    audited record;
begin
    for audited in
        select *
          from (values ('users', 'id'), ('auth_sessions', 'user_id'), ('health_metrics', 'user_id'),
                       ('care_plan_directives', 'user_id'), ('progress_milestones', 'user_id'),
                       ('patient_progress_reports', 'user_id'), ('doctor_patients', 'patient_id'),
                       ('invitations', 'accepted_by'), ('chat_memory', 'user_id'), ('feature_usage', 'user_id'),
                       ('recommendations', 'user_id'), ('user_content_preferences', 'user_id'),
                       ('user_favourites', 'user_id'), ('content_interactions', 'user_id'),
                       ('erasure_requests', 'user_id')) as given (name, person)
    loop
        execute format(
            'create trigger audit after insert or update or delete on %I for each row '
            'execute function audit_change(%L, %L)', audited.name, audited.person, audited.name);
    end loop;
end
$$;


-- Who sees what -----------------------------------------------------------------------------------

grant select, insert, update, delete on all tables in schema public to kgc_app;
grant usage on all sequences in schema public to kgc_app;
revoke update, delete on audit_log from kgc_app;

-- Choice: without `true` every query fails for whom nobody has set the context.
alter table health_metrics enable row level security;
create policy patient_health_metrics on health_metrics for select
    using (user_id = nullif(current_setting('app.current_user_id', true), '')::integer);
create policy doctor_health_metrics on health_metrics for select
    using (user_id in (select patient_id from doctor_patients
                        where doctor_id = nullif(current_setting('app.current_user_id', true), '')::integer and active));
create policy admin_health_metrics on health_metrics for all
    using (current_setting('app.current_role', true) = 'admin');

reset role;
