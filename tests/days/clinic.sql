-- A clinic: a system the product has never seen. Two schemas, one owner, and what real schemas have grown: an identity
-- column, an enum, a quoted name, composite keys, a self-reference, a table that names two people, partitions by month,
-- a view, a materialized view, and personal data without a foreign key. Dates count from now, so that it never ages.

do $$ begin
    if not exists (select from pg_roles where rolname = 'clinic_owner') then
        create role clinic_owner nologin;
    end if;
end $$;
create schema clinic authorization clinic_owner;
create schema billing authorization clinic_owner;
set role clinic_owner;

create type clinic.visit as enum ('booked', 'held', 'missed');

create table clinic.specialty (code text primary key, name text not null);

create table clinic.practitioner (
    id bigint generated always as identity primary key,
    email text not null unique,
    full_name text not null,
    supervisor_id bigint references clinic.practitioner);

create table clinic.practitioner_specialty (
    practitioner_id bigint references clinic.practitioner,
    code text references clinic.specialty,
    primary key (practitioner_id, code));

create table clinic.patient (
    id uuid primary key default gen_random_uuid(),
    email text not null unique,
    full_name text not null,
    born date not null,
    guardian_id uuid references clinic.patient,
    created_at timestamptz not null default now());

create table clinic.appointment (
    id bigint generated always as identity primary key,
    patient_id uuid not null references clinic.patient,
    practitioner_id bigint not null references clinic.practitioner,
    state clinic.visit not null default 'booked',
    starts_at timestamptz not null);

create table clinic.note (
    id bigint generated always as identity primary key,
    appointment_id bigint not null references clinic.appointment,
    author_id bigint not null references clinic.practitioner,
    body text not null);

create table clinic.attachment (
    id uuid primary key default gen_random_uuid(),
    patient_id uuid not null references clinic.patient,
    object_key text not null,
    uploaded_at timestamptz not null default now());

create table clinic."Device Pairing" (
    "Serial" text primary key,
    "patientId" uuid not null references clinic.patient,
    "pairedAt" timestamptz not null default now());

create table clinic.login (
    id bigint generated always as identity primary key,
    patient_id uuid not null references clinic.patient,
    address inet not null,
    at timestamptz not null);

create table clinic.reading (
    patient_id uuid not null references clinic.patient,
    taken_at timestamptz not null,
    kind text not null,
    value numeric not null,
    primary key (patient_id, taken_at, kind)) partition by range (taken_at);

create table billing.invoice (
    year int,
    number int,
    patient_id uuid not null references clinic.patient,
    total numeric(10, 2) not null,
    issued_at timestamptz not null,
    primary key (year, number));

create table billing.invoice_line (
    year int,
    number int,
    line int,
    what text not null,
    primary key (year, number, line),
    foreign key (year, number) references billing.invoice);

create table clinic.audit_trail (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    actor_id uuid,
    patient_id uuid,
    action text not null,
    details jsonb not null default '{}');

create table clinic.erasure_request (
    id bigint generated always as identity primary key,
    patient_id uuid,
    state text not null default 'pending',
    requested_at timestamptz not null,
    due_at timestamptz not null,
    completed_at timestamptz);

create view clinic.today as
    select a.id, p.full_name from clinic.appointment a join clinic.patient p on p.id = a.patient_id
     where a.starts_at::date = current_date;

-- Partitions of last month, this month and the next: the fourth is missing.
do $$
declare
    month date;
begin
    for i in -1..1 loop
        month := date_trunc('month', now()) + i * interval '1 month';
        execute format('create table clinic.%I partition of clinic.reading for values from (%L) to (%L)',
                       'reading_' || to_char(month, 'YYYY_MM'), month, (month + interval '1 month')::date);
    end loop;
end $$;

insert into clinic.specialty values ('car', 'Cardiology'), ('der', 'Dermatology');
insert into clinic.practitioner (email, full_name, supervisor_id)
    values ('head@clinic.test', 'Dr Head', null), ('young@clinic.test', 'Dr Young', 1);
insert into clinic.practitioner_specialty values (1, 'car'), (2, 'der'), (2, 'car');
insert into clinic.patient (id, email, full_name, born, guardian_id)
    select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'patient' || n || '@mail.test', 'Patient ' || n,
           date '1980-01-01' + n, case when n = 2 then '00000000-0000-4000-8000-000000000001'::uuid end
      from generate_series(1, 20) n;
insert into clinic.appointment (patient_id, practitioner_id, state, starts_at)
    select id, 1 + (row_number() over (order by id)) % 2, 'held', now() - interval '90 days' from clinic.patient;
insert into clinic.note (appointment_id, author_id, body)
    select a.id, a.practitioner_id, 'seen: ' || p.full_name
      from clinic.appointment a join clinic.patient p on p.id = a.patient_id;
insert into clinic.attachment (patient_id, object_key) select id, 'scans/' || id || '.pdf' from clinic.patient;
insert into clinic."Device Pairing" ("Serial", "patientId") select 'SN-' || right(id::text, 4), id from clinic.patient;
insert into clinic.login (patient_id, address, at)
    select id, '192.0.2.1', now() - days * interval '1 day' from clinic.patient, unnest(array[1, 100, 500]) days;
insert into clinic.reading
    select id, date_trunc('month', now()) + hours * interval '1 hour', 'pulse', 60 + hours
      from clinic.patient, generate_series(1, 10) hours;
insert into billing.invoice
    select 2020, row_number() over (order by id), id, 80, now() - interval '60 days' from clinic.patient;
insert into billing.invoice_line select year, number, 1, 'consultation' from billing.invoice;
insert into clinic.audit_trail (actor_id, patient_id, action, details)
    select id, id, 'login', jsonb_build_object('email', email) from clinic.patient;
-- Patient 7 is due since an hour, patient 8 in a month.
insert into clinic.erasure_request (patient_id, requested_at, due_at)
    values ('00000000-0000-4000-8000-000000000007', now() - interval '30 days 1 hour', now() - interval '1 hour'),
           ('00000000-0000-4000-8000-000000000008', now() - interval '3 days', now() + interval '27 days');

create materialized view clinic.pulse_by_month as
    select patient_id, date_trunc('month', taken_at) as month, avg(value) from clinic.reading group by 1, 2;

reset role;
