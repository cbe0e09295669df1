-- Longevity Coach: the tables of its owner's document of June 2025, on PostgreSQL 15 to 18.
--
-- Run by a superuser in an empty database, without parameters, as often as there are databases: the
-- roles belong to the cluster and are made only where they are missing. Everything else is owned by
-- longevity_owner. Partitioned tables come without partitions.
--
-- "Choice:" marks a place where the owner's document leaves something open, contradicts itself, or asks
-- for what a plain PostgreSQL does not have, and what is done here.


-- Roles -------------------------------------------------------------------------------------------

do $$
declare
    wanted text;
begin
    foreach wanted in array array['longevity_owner', 'longevity_authenticated', 'longevity_service'] loop
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

create schema auth authorization longevity_owner;
grant usage, create on schema public to longevity_owner;
grant usage on schema public, auth to longevity_authenticated, longevity_service;
set role longevity_owner;

-- As Supabase has it: who the request's token is about.
create function auth.uid() returns uuid language sql stable
    return nullif(current_setting('request.jwt.claim.sub', true), '')::uuid;

create type test_status as enum ('pending', 'processed', 'analyzed');
create type erasure_status as enum ('pending', 'processing', 'completed', 'canceled');


-- Tables ------------------------------------------------------------------------------------------

create table patients (
    id uuid primary key default gen_random_uuid(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    external_id text not null unique,
    demographics jsonb not null default '{}',
    consents jsonb not null default '{}',
    settings jsonb not null default '{}'
);
comment on column patients.demographics is 'firstName, lastName, email, dateOfBirth, sex';
create index on patients using gin (demographics);
create index idx_patients_search on patients using gin (
    to_tsvector('english'::regconfig,
        coalesce(demographics ->> 'firstName', '') || ' ' ||
        coalesce(demographics ->> 'lastName', '') || ' ' ||
        coalesce(demographics ->> 'email', '')));

-- Choice: where a laboratory is would be PostGIS's geography; the built-in point is nearest.
create table laboratories (
    id uuid primary key default gen_random_uuid(),
    name text not null unique,
    address text not null,
    location point,
    accreditation text,
    created_at timestamptz not null default now()
);

create table blood_tests (
    id uuid primary key default gen_random_uuid(),
    patient_id uuid not null references patients,
    tested_at timestamptz not null,
    laboratory_id uuid not null references laboratories,
    report_url text,  -- Choice: the report's key in bucket "reports"
    status test_status not null default 'pending',
    metadata jsonb not null default '{}'
);
create index on blood_tests (patient_id);
create index on blood_tests (laboratory_id);
create index on blood_tests (tested_at);
create index on blood_tests using gin (metadata);

create table reference_ranges (
    id uuid primary key default gen_random_uuid(),
    loinc_code text not null,
    unit text not null,
    sex text check (sex in ('female', 'male')),
    low numeric,
    high numeric,
    tags text[] not null default '{}'
);
create index on reference_ranges (loinc_code);

-- Choice: TimescaleDB is not on every machine. A hypertable with chunks of one month is a table
-- partitioned by month; its 16 space partitions by patient, its compression and its retention policy
-- have no counterpart. "Primary key on id" cannot be: time is part of it, in a hypertable as here.
create table biomarkers (
    id uuid not null default gen_random_uuid(),
    blood_test_id uuid references blood_tests,
    patient_id uuid not null references patients,
    loinc_code text not null,
    value numeric not null,
    unit text not null,
    reference_range jsonb not null default '{}',
    "timestamp" timestamptz not null,
    primary key (id, "timestamp")
) partition by range ("timestamp");
create index idx_biomarkers_patient_time on biomarkers (patient_id, "timestamp" desc);
create index idx_biomarkers_loinc on biomarkers (loinc_code) include (value, "timestamp");
create index idx_biomarkers_patient_loinc on biomarkers (patient_id, loinc_code, "timestamp" desc);
create index on biomarkers (blood_test_id);
create index on biomarkers using brin ("timestamp");

-- The document names them and not their columns.
create table recommendations (
    id uuid primary key default gen_random_uuid(),
    patient_id uuid not null references patients,
    blood_test_id uuid references blood_tests,
    title text not null,
    body text not null,
    embedding real[] not null,  -- Choice: pgvector's vector(8)
    created_at timestamptz not null default now()
);
create index on recommendations (patient_id);
create index on recommendations (blood_test_id);

-- No foreign keys: the log outlives what it speaks about.
create table audit_logs (
    id bigint generated always as identity primary key,
    patient_id uuid,
    actor_id uuid,
    table_name text not null,
    record_id text not null,
    action text not null check (action in ('INSERT', 'UPDATE', 'DELETE', 'LOGIN', 'EXPORT')),
    old_values jsonb,
    new_values jsonb,
    ip_address inet,
    user_agent text,
    created_at timestamptz not null default clock_timestamp()
);
create index on audit_logs (patient_id);
create index on audit_logs (actor_id);
create index on audit_logs (table_name, record_id);

-- Choice: "consent management (GDPR compliance)", and no place where a person asks to be forgotten.
create table erasure_requests (
    id uuid primary key default gen_random_uuid(),
    patient_id uuid references patients,
    requested_at timestamptz not null default now(),
    due_at timestamptz not null default now() + interval '30 days',
    status erasure_status not null default 'pending',
    completed_at timestamptz,
    tables_erased text[]
);
create index on erasure_requests (patient_id);

create table flyway_schema_history (
    installed_rank integer primary key,
    version text,
    description text not null,
    checksum integer,
    installed_on timestamptz not null default now(),
    success boolean not null
);

-- "Materialized views for common aggregations": of all patients together.
create materialized view mv_biomarker_months as
select loinc_code, date_trunc('month', "timestamp" at time zone 'UTC')::date as month, count(*) as values, avg(value) as mean
  from biomarkers
 group by 1, 2;
create unique index on mv_biomarker_months (loinc_code, month);


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
    insert into public.audit_logs (patient_id, actor_id, table_name, record_id, action, old_values, new_values,
                                   ip_address, user_agent)
    values ((any_row ->> tg_argv[0])::uuid,
            nullif(current_setting('request.jwt.claim.sub', true), '')::uuid,
            tg_argv[1], any_row ->> 'id', tg_op, row_before, row_after,
            nullif(current_setting('app.ip_address', true), '')::inet,
            nullif(current_setting('app.user_agent', true), ''));
    return null;
end
$$;

create trigger audit after insert or update or delete on patients for each row execute function audit_change('id', 'patients');
create trigger audit after insert or update or delete on blood_tests for each row execute function audit_change('patient_id', 'blood_tests');
create trigger audit after insert or update or delete on biomarkers for each row execute function audit_change('patient_id', 'biomarkers');
create trigger audit after insert or update or delete on recommendations for each row execute function audit_change('patient_id', 'recommendations');
create trigger audit after insert or update or delete on erasure_requests for each row execute function audit_change('patient_id', 'erasure_requests');


-- Who sees what -----------------------------------------------------------------------------------

grant select on all tables in schema public to longevity_authenticated, longevity_service;
grant insert, update, delete on all tables in schema public to longevity_service;
revoke update, delete on audit_logs from longevity_service;

alter table patients enable row level security;
alter table blood_tests enable row level security;
alter table biomarkers enable row level security;
create policy patient_own_data on patients for all using (auth.uid() = id);
create policy patient_own_blood_tests on blood_tests for all
    using (exists (select from patients where patients.id = blood_tests.patient_id and auth.uid() = patients.id));
-- Choice: the document switches it on for biomarkers and forgets the policy, so that nobody would see a row.
create policy patient_own_biomarkers on biomarkers for all using (auth.uid() = patient_id);
-- Choice: "enable RLS on all tables" names three. These hold what is a patient's too.
alter table recommendations enable row level security;
alter table audit_logs enable row level security;
alter table erasure_requests enable row level security;
create policy patient_own_recommendations on recommendations for all using (auth.uid() = patient_id);
create policy patient_own_log on audit_logs for select using (auth.uid() = patient_id);
create policy patient_own_requests on erasure_requests for all using (auth.uid() = patient_id);

reset role;
