-- A small system with everything that makes an erasure hard: a shared account, keys of two columns, rows reached only
-- through others, a circle, a table that points to itself, mentions, kept requests, row security, an audit trigger
-- that writes the deleted values back.

do $$ begin
    if not exists (select from pg_roles where rolname = 'clinic_owner') then
        create role clinic_owner nologin;
    end if;
exception when duplicate_object or unique_violation then null;
end $$;
grant usage, create on schema public to clinic_owner;
set role clinic_owner;

create table household (household_id bigint generated always as identity primary key, customer text unique);
create table person (
    person_id uuid primary key,
    household_id bigint not null references household,
    email text not null unique,
    name text not null);
create table visit (
    site integer,
    number integer,
    person_id uuid not null references person,
    doctor_id uuid references person,
    note text,
    primary key (site, number));
create table finding (
    finding_id bigint generated always as identity primary key,
    site integer not null,
    number integer not null,
    raw jsonb,
    words text[],
    foreign key (site, number) references visit);
create table paper (
    paper_id integer primary key,
    person_id uuid not null references person,
    file text,
    preview text,
    first_scan integer);
create table scan (
    scan_id integer primary key,
    person_id uuid not null references person,
    paper_id integer not null references paper,
    previous integer references scan);
alter table paper add foreign key (first_scan) references scan;
create table diary (person_id uuid not null references person, day date not null, words text, primary key (person_id, day))
    partition by range (day);
create table diary_2025 partition of diary for values from ('2025-01-01') to ('2026-01-01');
create table diary_2026 partition of diary for values from ('2026-01-01') to ('2027-01-01');
create table request (
    request_id integer primary key,
    person_id uuid references person,
    asked timestamptz not null,
    due timestamptz not null,
    state text not null default 'pending',
    done timestamptz,
    tables text[]);
create table board (board_id integer primary key, words text);
create table history (
    history_id bigint generated always as identity primary key,
    about uuid,
    by uuid,
    tbl text not null,
    rec text not null,
    before jsonb,
    after jsonb,
    ip inet,
    agent text,
    at timestamptz not null default clock_timestamp());

create function write_history() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
declare
    row_before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    row_after jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
begin
    insert into public.history (about, by, tbl, rec, before, after, ip, agent)
    values ((coalesce(row_after, row_before) ->> 'person_id')::uuid, nullif(current_setting('clinic.actor', true), '')::uuid,
            tg_argv[0], coalesce(coalesce(row_after, row_before) ->> tg_argv[1], '-'), row_before, row_after, '192.0.2.7', 'phone');
    return null;
end $$;
do $$ declare t text; begin
    foreach t in array array['household', 'person', 'visit', 'finding', 'paper', 'scan', 'diary', 'request'] loop
        execute format('create trigger history after insert or update or delete on %I for each row '
                       'execute function write_history(%L, %L)', t, t,
                       case t when 'person' then 'person_id' when 'household' then 'household_id' else 'number' end);
    end loop;
    foreach t in array array['person', 'visit', 'paper', 'scan', 'diary'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy own on %I using (person_id = nullif(current_setting(''clinic.actor'', true), '''')::uuid)', t);
    end loop;
end $$;
reset role;

-- Anna is due; Otto shares her household; Joanna's address and name contain hers.
insert into household (customer) values (null), (null);
insert into person values
    ('a0000000-0000-4000-8000-00000000000a', 1, 'anna@example.org', 'Anna "Nan" Lind'),
    ('b0000000-0000-4000-8000-00000000000b', 1, 'otto@example.org', 'Otto Lind'),
    ('c0000000-0000-4000-8000-00000000000c', 2, 'joanna@example.org', 'Joanna "Nan" Linden');
insert into visit values
    (1, 1, 'a0000000-0000-4000-8000-00000000000a', 'c0000000-0000-4000-8000-00000000000c', 'of Anna'),
    (1, 2, 'a0000000-0000-4000-8000-00000000000a', null, null),
    (2, 1, 'b0000000-0000-4000-8000-00000000000b', 'a0000000-0000-4000-8000-00000000000a', 'Otto, seen by his wife'),
    (2, 2, 'c0000000-0000-4000-8000-00000000000c', null, 'of Joanna');
insert into finding (site, number, raw, words) values
    (1, 1, '{"of": "Anna \"Nan\" Lind", "lines": "x\nanna@example.org"}', array['a']), (1, 2, '{}', null),
    (2, 1, '{"of": "Otto"}', array['o']), (2, 2, '{"of": "joanna@example.org"}', array['Joanna "Nan" Linden']);
insert into paper values
    (1, 'a0000000-0000-4000-8000-00000000000a', 'scan-1', 'scan-1.jpg', null),
    (2, 'a0000000-0000-4000-8000-00000000000a', 'scan-2', null, null),
    (3, 'b0000000-0000-4000-8000-00000000000b', 'scan-10', null, null),
    (4, 'a0000000-0000-4000-8000-00000000000a', 'family', null, null),
    (5, 'b0000000-0000-4000-8000-00000000000b', 'family', null, null);
insert into scan values
    (1, 'a0000000-0000-4000-8000-00000000000a', 1, null), (2, 'a0000000-0000-4000-8000-00000000000a', 2, 1),
    (3, 'b0000000-0000-4000-8000-00000000000b', 3, 2);
update paper set first_scan = 1 where paper_id in (1, 2);
update paper set first_scan = 2 where paper_id = 3;
insert into diary values
    ('a0000000-0000-4000-8000-00000000000a', '2025-06-01', 'mine'), ('a0000000-0000-4000-8000-00000000000a', '2026-06-01', 'mine'),
    ('b0000000-0000-4000-8000-00000000000b', '2026-06-01', 'his');
insert into board values (1, 'nobody, not joanna@example.org either');
insert into request (request_id, person_id, asked, due, state) values
    (1, 'a0000000-0000-4000-8000-00000000000a', '2026-10-22 06:00Z', '2026-11-21 06:00Z', 'pending'),
    (2, 'c0000000-0000-4000-8000-00000000000c', '2026-11-10 06:00Z', '2026-12-10 06:00Z', 'pending');
-- Anna acted on Otto's visit, and Otto's row once held her address.
insert into history (about, by, tbl, rec, before, after, ip, agent) values
    ('b0000000-0000-4000-8000-00000000000b', 'a0000000-0000-4000-8000-00000000000a', 'visit', '1',
     '{"note": "old"}', '{"note": "new"}', '198.51.100.1', 'phone of Anna'),
    ('b0000000-0000-4000-8000-00000000000b', 'b0000000-0000-4000-8000-00000000000b', 'person', 'b0000000-0000-4000-8000-00000000000b',
     '{"email": "Anna@Example.org", "kind": "adult"}', '{"email": "otto@example.org", "kind": "adult"}', '198.51.100.2', 'phone of Otto'),
    (null, 'c0000000-0000-4000-8000-00000000000c', 'person', 'a0000000-0000-4000-8000-00000000000a',
     '{"name": "Nan"}', '{"name": "Anna"}', '198.51.100.3', 'desk');
analyze;
