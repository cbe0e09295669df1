-- 36 patients, 3 doctors and an administrator. Everything a person wrote or is called by contains their
-- tag, "qzvelin" and three digits, which occurs nowhere else. Who has a part in the story is said here
-- and nowhere else.

create temp table person on commit drop as
select n as id,
       case n when 7 then 'due' when 12 then 'not_yet' when 20 then 'cancelled' end as part,
       case when n <= 36 then 'patient' when n <= 39 then 'doctor' else 'admin' end as role,
       -- A patient's doctor.
       37 + n % 3 as doctor,
       'qzvelin' || lpad(n::text, 3, '0') as tag,
       (array['Marta', 'Jonas', 'Aiko', 'Samuel', 'Nadia', 'Pedro', 'Ingrid', 'Tomas', 'Leila', 'Oscar'])[1 + n % 10]
           as first_name,
       date_trunc('hour', pg_temp.clock()) - (400 + n * 31 % 900) * interval '1 day' as joined
  from generate_series(1, 40) as n;
analyze person;

insert into users (id, uin, username, email, name, phone, password, role, created_at)
select id, 'KGC-' || upper(tag), lower(first_name) || '.' || tag, lower(first_name) || '.' || tag || '@example.org',
       first_name || ' ' || initcap(tag), '+61 4 ' || lpad((id * 7919 % 100000000)::text, 8, '0'),
       'scrypt:' || tag || md5(tag), role, joined
  from person;

insert into auth_sessions (id, user_id, sid, sess, expires_at)
select row_number() over (), id, 'sid-' || tag || md5(tag || k), json_build_object('passport', json_build_object('user', id,
       'email', lower(first_name) || '.' || tag || '@example.org')), pg_temp.clock() + k * interval '1 day'
  from person, generate_series(1, 2) as k;

insert into system_config (id, key, value, updated_by)
values (1, 'invitation_days', '14', 40), (2, 'features', '{"chat": true}', 40);

insert into doctor_patients (id, doctor_id, patient_id, active, treatment_notes, created_at)
select id, doctor, id, part is distinct from 'cancelled', 'Sees ' || initcap(tag) || ' every month', joined
  from person
 where role = 'patient';

-- Accepted ones name their user; others wait for somebody who may never come.
insert into invitations (id, doctor_id, email, token, status, accepted_by, created_at, expires_at)
select id, doctor, lower(first_name) || '.' || tag || '@example.org', 'invite-' || md5(tag),
       'accepted', case when id % 7 > 0 then id end, joined - interval '2 days', joined + interval '12 days'
  from person
 where role = 'patient';
insert into invitations (id, doctor_id, email, token, status, created_at, expires_at)
select 100 + k, 37 + k % 3, 'nobody' || k || '@example.org', 'invite-' || md5('nobody' || k), 'sent',
       pg_temp.clock() - interval '3 days', pg_temp.clock() + interval '11 days'
  from generate_series(1, 5) as k;

insert into content_items (id, author_id, kind, title, body)
select k, 37 + k % 3, (array['video', 'recipe'])[1 + k % 2], 'Keep going, part ' || k, 'Walk a little every day.'
  from generate_series(1, 12) as k;

insert into user_content_preferences (id, user_id, preferences)
select id, id, json_build_object('language', 'en', 'nickname', 'Champ ' || initcap(tag)) from person;

insert into user_favourites (id, user_id, content_id, note)
select row_number() over (), id, 1 + (id + k) % 12, 'for the mornings of ' || tag
  from person, generate_series(1, 2) as k;

insert into content_interactions (id, user_id, content_id, action, at)
select row_number() over (), id, 1 + (id * k) % 12, (array['view', 'like'])[1 + k % 2], pg_temp.clock() - k * interval '6 days'
  from person, generate_series(1, 6) as k;

insert into drizzle.__drizzle_migrations (id, hash, created_at) values (1, md5('0000'), 1735689600000);
