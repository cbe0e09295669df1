-- HeartGuard: the tables of its owner's report, version 2.1.0, on PostgreSQL 15 to 18.
--
-- Run by a superuser in an empty database, without parameters, as often as there are databases: the
-- roles belong to the cluster and are made only where they are missing. Everything else is owned by
-- heartguard_owner.
--
-- "Choice:" marks a place where the owner's report leaves something open, contradicts itself, or asks
-- for what a plain PostgreSQL does not have, and what is done here.


-- Roles -------------------------------------------------------------------------------------------

do $$
declare
    wanted text;
begin
    foreach wanted in array array['heartguard_owner', 'heartguard_app'] loop
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

grant usage, create on schema public to heartguard_owner;
grant usage on schema public to heartguard_app;
set role heartguard_owner;


-- Words -------------------------------------------------------------------------------------------

create type vital_metric as enum (
    'heart_rate', 'systolic', 'diastolic', 'spo2', 'temperature', 'respiratory_rate', 'glucose', 'weight');
create type alert_severity as enum ('info', 'warning', 'critical');
create type chat_role as enum ('user', 'assistant', 'system');
create type goal_status as enum ('active', 'achieved', 'abandoned');
create type appointment_status as enum ('requested', 'scheduled', 'completed', 'canceled', 'no_show');
create type interaction_severity as enum ('minor', 'moderate', 'major', 'contraindicated');
create type notification_status as enum ('pending', 'sent', 'failed');
create type erasure_status as enum ('pending', 'processing', 'completed', 'canceled');


-- People ------------------------------------------------------------------------------------------

create table users (
    id uuid primary key default gen_random_uuid(),
    email text not null unique check (email = lower(email)),
    name text not null,
    password_hash text,
    phone text,
    date_of_birth date,
    avatar text,  -- key of an object in bucket "avatars"
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table user_preferences (
    user_id uuid not null references users,
    key text not null,
    value jsonb not null,
    updated_at timestamptz not null default now(),
    primary key (user_id, key)
);

create table user_consents (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    consent_type text not null,
    granted boolean not null,
    version text not null,
    ip_address inet,
    user_agent text,
    granted_at timestamptz not null default now(),
    revoked_at timestamptz
);
create index on user_consents (user_id);

-- Contacts are people too, who are no users.
create table emergency_contacts (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    name text not null,
    relationship text not null,
    phone text not null,
    is_primary boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index on emergency_contacts (user_id);

create table patient_records (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    record_type text not null,
    content jsonb not null default '{}',
    recorded_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index on patient_records (user_id);

create table providers (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    email text unique,
    phone text,
    specialty text not null,
    rating numeric(2,1) check (rating between 0 and 5),
    bio text,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table provider_availability (
    id uuid primary key default gen_random_uuid(),
    provider_id uuid not null references providers,
    weekday smallint not null check (weekday between 0 and 6),
    starts time not null,
    ends time not null,
    check (starts < ends)
);
create index on provider_availability (provider_id);


-- Measurements ------------------------------------------------------------------------------------

create table vitals (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    metric vital_metric not null,
    value numeric(8,2) not null,
    unit text not null,
    source text not null default 'manual',
    notes text,
    recorded_at timestamptz not null,
    created_at timestamptz not null default now()
);
create index on vitals (user_id, metric, recorded_at desc);

create table medications (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    name text not null,
    dosage text not null,
    schedule jsonb not null default '{}',
    interactions jsonb not null default '[]',
    prescribed_by text,
    started_on date,
    ended_on date,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index on medications (user_id);

create table health_alerts (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    vital_id uuid references vitals,
    type text not null,
    severity alert_severity not null,
    message text not null,
    resolved boolean not null default false,
    created_at timestamptz not null default now(),
    resolved_at timestamptz
);
create index on health_alerts (user_id) where not resolved;

create table user_devices (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    device_type text not null,
    platform text not null,
    serial_number text unique,
    push_token text,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index on user_devices (user_id);

-- Names no person: whose it is, its device says.
create table device_timeseries (
    id bigint generated always as identity primary key,
    device_id uuid not null references user_devices,
    metric_type text not null,
    value double precision not null,
    metadata jsonb not null default '{}',
    "timestamp" timestamptz not null
);
create index on device_timeseries (device_id, metric_type, "timestamp" desc);

create table prediction_history (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    model text not null,
    inputs jsonb not null,
    risk numeric(5,4) not null check (risk between 0 and 1),
    explanation text,
    created_at timestamptz not null default now()
);
create index on prediction_history (user_id);

create table user_health_goals (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    goal_type text not null,
    title text not null,
    target_value numeric(8,2),
    current_value numeric(8,2),
    status goal_status not null default 'active',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index on user_health_goals (user_id);

create table health_goal_milestones (
    id uuid primary key default gen_random_uuid(),
    goal_id uuid not null references user_health_goals,
    title text not null,
    reached_at timestamptz
);
create index on health_goal_milestones (goal_id);

create table health_goal_progress (
    id uuid primary key default gen_random_uuid(),
    goal_id uuid not null references user_health_goals,
    value numeric(8,2) not null,
    note text,
    recorded_at timestamptz not null default now()
);
create index on health_goal_progress (goal_id);


-- Conversations -----------------------------------------------------------------------------------

create table chat_sessions (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    title text,
    is_archived boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index on chat_sessions (user_id, updated_at desc);

create table chat_messages (
    id uuid primary key default gen_random_uuid(),
    session_id uuid not null references chat_sessions,
    role chat_role not null,
    content text not null,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now()
);
create index on chat_messages (session_id);

-- Choice: came over from SQLite, whose foreign keys were never switched on, and has none here.
create table chat_history (
    id bigint generated always as identity primary key,
    user_id uuid not null,
    question text not null,
    answer text,
    asked_at timestamptz not null
);
create index on chat_history (user_id);

-- Choice: the session is gone from chat_sessions when its archive is written, so session_id refers to nothing.
create table session_archives (
    id uuid primary key default gen_random_uuid(),
    session_id uuid not null unique,
    user_id uuid not null references users,
    message_count integer not null,
    messages jsonb not null,
    checksum text not null check (checksum ~ '^[0-9a-f]{64}$'),  -- SHA-256 of messages::text
    archived_at timestamptz not null default now()
);
create index on session_archives (user_id);

-- The report draws user_id without "(FK)".
create table patient_memories (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    content text not null,
    category text not null,
    importance real not null default 0.5,
    search tsvector generated always as (to_tsvector('english'::regconfig, content)) stored,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index on patient_memories (user_id);
create index on patient_memories using gin (search);

create table feedback (
    id uuid primary key default gen_random_uuid(),
    message_id uuid references chat_messages,
    user_id uuid references users,
    rating smallint not null check (rating between 1 and 5),
    comment text,
    created_at timestamptz not null default now()
);
create index on feedback (message_id);

-- A clinician reads what the assistant said, and says whether it is so.
create table content_verifications (
    id uuid primary key default gen_random_uuid(),
    message_id uuid not null references chat_messages,
    verified_by uuid references providers,
    verdict text not null,
    remarks text,
    verified_at timestamptz not null default now()
);
create index on content_verifications (message_id);


-- Appointments ------------------------------------------------------------------------------------

create table insurance_info (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    insurer text not null,
    policy_number text not null,
    group_number text,
    holder_name text,
    valid_until date,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index on insurance_info (user_id);

-- "30+ columns, insurance". Choice: an appointment is a bill as well, and bills outlive the patient's
-- record: what names the patient may be NULL.
create table appointments (
    id uuid primary key default gen_random_uuid(),
    user_id uuid references users,
    provider_id uuid references providers,
    insurance_id uuid references insurance_info,
    date date not null,
    time time not null,
    duration_minutes smallint not null default 30,
    timezone text not null default 'UTC',
    status appointment_status not null default 'requested',
    appointment_type text not null,
    location text,
    video_url text,
    reason text,
    symptoms text,
    notes text,
    provider_notes text,
    diagnosis text,
    follow_up_on date,
    patient_name text,
    patient_phone text,
    patient_email text,
    insurer text,
    policy_number text,
    authorization_code text,
    billing_code text,
    price_cents integer not null default 0,
    copay_cents integer not null default 0,
    paid_cents integer not null default 0,
    currency text not null default 'USD',
    invoice_number text unique,
    reminder_sent_at timestamptz,
    confirmed_at timestamptz,
    canceled_at timestamptz,
    cancel_reason text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index on appointments (user_id, status, date);

create table calendar_events (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    appointment_id uuid references appointments,
    title text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    external_id text,
    created_at timestamptz not null default now()
);
create index on calendar_events (user_id);
create index on calendar_events (appointment_id);

create table push_devices (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    token text not null unique,
    platform text not null,
    last_seen_at timestamptz
);
create index on push_devices (user_id);

create table notifications (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    title text not null,
    body text not null,
    status notification_status not null default 'pending',
    created_at timestamptz not null default now(),
    sent_at timestamptz
);
create index on notifications (user_id) where status = 'pending';

-- Choice: the report has consents, and no place where a person asks to be forgotten.
create table erasure_requests (
    id uuid primary key default gen_random_uuid(),
    user_id uuid references users,
    requested_at timestamptz not null default now(),
    due_at timestamptz not null default now() + interval '30 days',
    status erasure_status not null default 'pending',
    completed_at timestamptz,
    tables_erased text[]
);
create index on erasure_requests (user_id);


-- Knowledge ---------------------------------------------------------------------------------------

create table drug_interactions (
    id bigint generated always as identity primary key,
    drug_a text not null,
    drug_b text not null,
    severity interaction_severity not null,
    mechanism text,
    unique (drug_a, drug_b)
);

-- Choice: pgvector's vector(384) is real[], and its HNSW indexes are left out: the extension is not on
-- every machine. The report itself falls back to TEXT.
create table vector_medical_knowledge (
    id bigint generated always as identity primary key,
    content text not null,
    embedding real[] not null,
    metadata jsonb not null default '{}'
);
create index on vector_medical_knowledge using gin (metadata);
create table vector_drug_interactions (like vector_medical_knowledge including all);
create table vector_symptoms_conditions (like vector_medical_knowledge including all);

-- Choice: "HASH-partitioned (4 partitions)" by the user, so user_id is part of the key. No foreign key:
-- it is filled by a job that runs behind.
create table vector_user_memories (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    memory_id uuid,
    content text not null,
    embedding real[] not null,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    primary key (id, user_id)
) partition by hash (user_id);
create table vector_user_memories_0 partition of vector_user_memories for values with (modulus 4, remainder 0);
create table vector_user_memories_1 partition of vector_user_memories for values with (modulus 4, remainder 1);
create table vector_user_memories_2 partition of vector_user_memories for values with (modulus 4, remainder 2);
create table vector_user_memories_3 partition of vector_user_memories for values with (modulus 4, remainder 3);
create index on vector_user_memories (user_id);

create table alembic_version (
    version_num text primary key
);

create materialized view mv_vector_collection_stats as
select 'medical_knowledge' as collection, count(*) as documents from vector_medical_knowledge
 union all
select 'drug_interactions', count(*) from vector_drug_interactions
 union all
select 'symptoms_conditions', count(*) from vector_symptoms_conditions;
create unique index on mv_vector_collection_stats (collection);

-- Choice: whoever is not active is left out, so that the hourly refresh takes out who has asked to be
-- forgotten, long before their time has come.
create materialized view mv_user_memory_stats as
select user_id, count(*) as memories, avg(importance) as importance
  from patient_memories
  join users on users.id = user_id
 where users.is_active
 group by user_id;
create unique index on mv_user_memory_stats (user_id);


-- Rules that the database keeps -------------------------------------------------------------------

create function set_updated_at() returns trigger language plpgsql
    set search_path = pg_catalog, pg_temp as $$
begin
    new.updated_at := now();
    return new;
end
$$;

do $$
declare
    stamped name;
begin
    for stamped in
        select relname
          from pg_class
          join pg_attribute on attrelid = pg_class.oid
         where relnamespace = 'public'::regnamespace and relkind = 'r' and attname = 'updated_at'
    loop
        execute format('create trigger updated_at before update on %I for each row execute function set_updated_at()',
                       stamped);
    end loop;
end
$$;

grant select, insert, update, delete on all tables in schema public to heartguard_app;

alter table vitals enable row level security;
alter table medications enable row level security;
create policy own_rows on vitals for all to heartguard_app
    using (user_id = nullif(current_setting('app.current_user_id', true), '')::uuid);
create policy own_rows on medications for all to heartguard_app
    using (user_id = nullif(current_setting('app.current_user_id', true), '')::uuid);

reset role;
