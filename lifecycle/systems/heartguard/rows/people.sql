-- 40 users and 5 doctors. Everything a person wrote or is called by contains their tag, "qzvelin" and
-- three digits, which occurs nowhere else. Who has a part in the story is said here and nowhere else.

create temp table person on commit drop as
select n,
       case n when 7 then 'due' when 12 then 'not_yet' when 20 then 'cancelled' end as part,
       pg_temp.uid('user', n) as id,
       'qzvelin' || lpad(n::text, 3, '0') as tag,
       (array['Marta', 'Jonas', 'Aiko', 'Samuel', 'Nadia', 'Pedro', 'Ingrid', 'Tomas', 'Leila', 'Oscar'])[1 + n % 10]
           as first_name,
       date_trunc('hour', pg_temp.clock()) - (200 + n * 31 % 700) * interval '1 day' as joined
  from generate_series(1, 40) as n;
analyze person;

create temp table doctor on commit drop as
select n, pg_temp.uid('provider', n) as id, 'qzvelin' || 900 + n as tag,
       (array['Rossi', 'Okafor', 'Lindqvist', 'Haddad', 'Moreau'])[n] as last_name,
       (array['cardiology', 'general practice', 'endocrinology', 'cardiology', 'nutrition'])[n] as specialty
  from generate_series(1, 5) as n;

insert into users (id, email, name, password_hash, phone, date_of_birth, avatar, is_active, created_at, updated_at)
select id, lower(first_name) || '.' || tag || '@example.org', first_name || ' ' || initcap(tag),
       '$2b$12$' || tag || md5(tag), '+1 555 ' || lpad((n * 7919 % 10000000)::text, 7, '0'),
       date '1950-01-01' + (pg_temp.chance('birth', n) * 19000)::int, 'avatars/' || id || '/' || tag || '.jpg',
       -- Who asks to be forgotten is switched off on that day.
       part is distinct from 'due' and part is distinct from 'not_yet', joined, joined
  from person;

insert into user_preferences (user_id, key, value, updated_at)
select id, key, jsonb_build_object('of', tag, 'on', true), joined
  from person, unnest(array['reminders', 'dashboard', 'units']) as key;

insert into user_consents (id, user_id, consent_type, granted, version, ip_address, user_agent, granted_at, revoked_at)
select pg_temp.uid('consent', n, k), id, (array['hipaa', 'gdpr', 'research'])[k], true, '2.1',
       ('2001:db8::7:' || n)::inet, 'HeartGuard/2.1 (phone of ' || tag || ')', joined,
       case when part is not null and k = 3 then pg_temp.clock() - interval '30 days' end
  from person, generate_series(1, 3) as k;

-- The contact is nobody else in the sample: one who is a user herself would stand in the row of another.
insert into emergency_contacts (id, user_id, name, relationship, phone, is_primary, created_at, updated_at)
select pg_temp.uid('contact', n, k), id, (array['Ruth', 'Emil'])[k] || ' Relative-of-' || tag,
       (array['partner', 'parent'])[k], '+1 555 010' || k || ' ext ' || tag, k = 1, joined, joined
  from person, generate_series(1, 2) as k
 where k = 1 or n % 3 = 1;

insert into patient_records (id, user_id, record_type, content, recorded_at, updated_at)
select pg_temp.uid('record', n, k), id, (array['anamnesis', 'ecg'])[k],
       jsonb_build_object('patient', initcap(tag), 'findings', jsonb_build_array('sinus rhythm', 'told by ' || tag)),
       joined + k * interval '10 days', joined + k * interval '10 days'
  from person, generate_series(1, 2) as k;

insert into providers (id, name, email, phone, specialty, rating, bio, created_at, updated_at)
select id, 'Dr. ' || last_name || ' ' || initcap(tag), lower(last_name) || '.' || tag || '@clinic.example',
       '+1 555 020000' || n, specialty, 4.5, 'Twenty years of ' || specialty || ' (' || tag || ')',
       pg_temp.clock() - interval '900 days', pg_temp.clock() - interval '900 days'
  from doctor;

insert into provider_availability (id, provider_id, weekday, starts, ends)
select pg_temp.uid('available', n, weekday), id, weekday, '09:00', '16:00'
  from doctor, generate_series(1, 5) as weekday;
