-- What is measured of patients, what doctors plan for them, what the assistant remembers, and what went
-- into the archives.

insert into health_metrics (id, user_id, date, medication_score, diet_score, exercise_score, remark)
select row_number() over (), id, pg_temp.clock() - (k * 4 - 1) * interval '1 day', 40 + pg_temp.chance('medication', id, k) * 60,
       30 + pg_temp.chance('diet', id, k) * 70, 20 + pg_temp.chance('exercise', id, k) * 80,
       case when k % 20 = 0 then 'a bad week for ' || tag end
  from person, generate_series(1, 120) as k
 where role = 'patient';

insert into health_metrics_archive (id, user_id, date, medication_score, diet_score, exercise_score, remark)
select 100000 + row_number() over (), id, pg_temp.clock() - (500 + k * 40) * interval '1 day', 60, 50, 40,
       case when k % 5 = 0 then 'a good month for ' || tag end
  from person, generate_series(1, 20) as k
 where role = 'patient';

-- A directive is about the patient, and a doctor wrote it; doctor 37 wrote one for a patient of another.
insert into care_plan_directives (id, user_id, written_by, category, directive, target_value, active, created_at)
select row_number() over (), id, case when k = 2 and id = 8 then 37 else doctor end,
       (array['medication', 'diet', 'exercise'])[k], 'For ' || initcap(tag) || ': a little more each week', 70, k < 3,
       joined + k * interval '10 days'
  from person, generate_series(1, 3) as k
 where role = 'patient';

insert into recommendations (id, user_id, directive_id, category, content, created_at)
select row_number() over (), user_id, directive.id, category, 'Well done, ' || initcap(tag), pg_temp.clock() - interval '3 days'
  from care_plan_directives as directive
  join person on person.id = user_id;

insert into progress_milestones (id, user_id, title, progress, reached_at, created_at)
select row_number() over (), id, 'Milestone of ' || tag, 25 * k, case when k = 4 then pg_temp.clock() - interval '9 days' end, joined
  from person, generate_series(1, 4) as k
 where role = 'patient';

insert into patient_progress_reports (id, user_id, reviewed_by, starts_on, ends_on, overall_score, summary, created_at)
select row_number() over (), id, doctor, (pg_temp.clock() - (k * 30 + 30) * interval '1 day')::date,
       (pg_temp.clock() - k * 30 * interval '1 day')::date, 70, initcap(tag) || ' keeps going',
       pg_temp.clock() - k * 30 * interval '1 day'
  from person, generate_series(0, 3) as k
 where role = 'patient';

-- Memories that end, that have ended, and that never do.
insert into chat_memory (id, user_id, type, content, context, embeddings, last_accessed, access_count, expires_at, created_at)
select row_number() over (), id, (array['preference', 'event', 'summary'])[1 + k % 3], initcap(tag) || ' likes to walk',
       json_build_object('relatedTopics', json_build_array('walking'), 'speaker', json_build_object('name', initcap(tag))),
       null, pg_temp.clock() - interval '1 day', k,
       case when k % 3 = 1 then pg_temp.clock() - (k * 10) * interval '1 day' when k % 3 = 2 then pg_temp.clock() + interval '60 days' end,
       joined
  from person, generate_series(1, 9) as k
 where role = 'patient';

insert into chat_memory_archive (id, user_id, type, content, context, created_at)
select 50000 + row_number() over (), id, 'event', initcap(tag) || ' fell in the garden',
       json_build_object('speaker', tag), joined
  from person
 where role = 'patient';

insert into feature_usage (id, user_id, feature, count, last_used)
select row_number() over (), id, feature, 1 + id % 9, pg_temp.clock() - interval '2 days'
  from person, unnest(array['chat', 'metrics', 'videos']) as feature;

insert into erasure_requests (id, user_id, requested_at, due_at, status)
select person.id + 500, person.id, at, at + interval '30 days', case part when 'cancelled' then 'canceled' else 'pending' end
  from person
  join (values ('due', interval '30 days 5 hours'), ('not_yet', interval '12 days'), ('cancelled', interval '45 days'))
           as asked (part, age) using (part),
       lateral (select pg_temp.clock() - age as at) as moment;

create temp table story on commit drop as
select part, person.id::text as person, erasure_requests.id::text as request
  from person
  join erasure_requests on user_id = person.id;
