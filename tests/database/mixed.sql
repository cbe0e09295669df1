-- A library's database, not one of the four systems: circles, self references, composite keys, quoted names, schemas,
-- partitions of every kind, tables without a primary key.

create schema billing;

create table households (household_id int primary key, stripe_customer_id text, city text);
create table members (
    member_id int generated always as identity primary key,
    household_id int references households,
    email varchar(320) not null unique,
    full_name text not null,
    referred_by int references members,
    search tsvector generated always as (to_tsvector('simple', full_name)) stored,
    created_at timestamptz not null default now()
);
create table books (isbn text primary key, title text not null, added_by int references members);
create table categories (category_id int primary key, parent_id int references categories, label text);
create table schema_migrations (version text primary key);

create table loans (
    loan_id bigint primary key,
    member_id int not null references members,
    isbn text not null references books,
    renewed_from bigint references loans,
    returned_at timestamptz
);
alter table members add column current_loan_id bigint references loans;  -- a circle

create table book_reviews (
    review_id int primary key,
    member_id int not null references members on delete cascade,
    isbn text not null references books,
    approved_by int references members,
    body text
);

create table billing.invoices (
    invoice_id int primary key,
    member_id int not null references members,
    pdf_s3_key text
);
create table billing.invoice_lines (
    invoice_id int not null references billing.invoices,
    line_no int not null,
    amount numeric(12, 2),
    primary key (invoice_id, line_no)
);

create table courses (course_id int primary key, title text);
create table enrolments (
    member_id int not null references members,
    course_id int not null references courses,
    primary key (member_id, course_id)
);
create table marks (
    course_id int not null,
    member_id int not null,
    no int not null,
    mark int,
    primary key (no, member_id, course_id),
    foreign key (member_id, course_id) references enrolments (member_id, course_id)
);
create table course_files (
    member_id int not null,
    course_id int not null,
    name text,
    foreign key (member_id, course_id) references enrolments (member_id, course_id)
);

create table "Order Notes" ("Note Id" int primary key, "memberId" int not null references members, "text" text);
create table newsletter_clicks (member_id int, url text, at timestamptz);  -- neither primary nor foreign key

create table visits (
    member_id int not null references members,
    at timestamptz not null,
    door text not null,
    primary key (member_id, at, door)
) partition by range (at);
create table visits_2026_01 partition of visits for values from ('2026-01-01') to ('2026-02-01');
create table visits_2026_02 partition of visits for values from ('2026-02-01') to ('2026-03-01')
    partition by list (door);
create table visits_2026_02_north partition of visits_2026_02 for values in ('north');
create table billing.visits_2026_02_rest partition of visits_2026_02 default;
create table visits_rest partition of visits default;

create table readings (member_id int not null references members, meter int, value int) partition by hash (member_id);
create table readings_0 partition of readings for values with (modulus 2, remainder 0);
create table readings_1 partition of readings for values with (modulus 2, remainder 1);
create table devices (device_id int primary key);
alter table readings_0 add foreign key (meter) references devices;  -- tied to one partition only

create table spans (low int, high int) partition by range (low, high);
create table notes_parent (id int primary key, body text);
create table notes_child () inherits (notes_parent);

create view active_members as select * from members;
create materialized view billing.totals as select count(*) from billing.invoices;

create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger watch before update on members for each row execute function touch();
create trigger once after update on members for each statement execute function touch();
alter table members enable row level security;
create policy own_rows on members using (true);
alter table visits_2026_01 enable row level security;
create policy own_rows on visits_2026_01 using (true);
