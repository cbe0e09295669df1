-- Blood tests of eleven years, with their values, reports and recommendations.

insert into blood_tests (id, patient_id, tested_at, laboratory_id, report_url, status, metadata)
select pg_temp.uid('test', n, k), id, at, pg_temp.uid('laboratory', 1 + (n + k) % 4),
       case when k > 1 then 'reports/' || id || '/' || k || '-' || tag || '.pdf' end,
       case when k = 1 then 'pending' when k = 2 then 'processed' else 'analyzed' end::test_status,
       jsonb_build_object('orderedBy', 'Dr. Weiss', 'fasting', k % 2 = 0, 'note', 'taken from ' || initcap(tag))
  from person,
       unnest(array[1, 2, 3, 4, 5, 6], array[interval '1 day', '40 days', '150 days', '400 days', '2000 days', '4010 days'])
           as taken (k, age),
       lateral (select pg_temp.clock() - age as at) as moment
 where k < 6 or n % 4 = 3;

insert into biomarkers (id, blood_test_id, patient_id, loinc_code, value, unit, reference_range, "timestamp")
select pg_temp.uid('value', n * 10 + k, c), blood_tests.id, patient_id, loinc_code, round((low + pg_temp.chance('value', n * 10 + k, c)
           * (high - low))::numeric, 1), unit,
       jsonb_build_object('low', low, 'high', high, 'for', initcap(tag)), tested_at
  from person
  join blood_tests on patient_id = person.id,
       generate_series(1, 6) as k,
       unnest(array['2345-7', '2093-3', '718-7', '2276-4'], array['mg/dL', 'mg/dL', 'g/dL', 'ng/mL'],
              array[70, 120, 12, 15], array[99, 200, 16, 150]) with ordinality as range (loinc_code, unit, low, high, c)
 where blood_tests.id = pg_temp.uid('test', n, k);

-- Values typed in at home: of no test.
insert into biomarkers (id, patient_id, loinc_code, value, unit, "timestamp")
select pg_temp.uid('home', n, k), id, '2345-7', 80 + k % 20, 'mg/dL', pg_temp.clock() - k * interval '5 days'
  from person, generate_series(1, 70) as k;

insert into recommendations (id, patient_id, blood_test_id, title, body, embedding, created_at)
select pg_temp.uid('recommendation', n, k), id, pg_temp.uid('test', n, k), 'Sleep longer', 'Dear ' || initcap(tag) || ', sleep!',
       array(select pg_temp.chance('embedding', n * 10 + k, d)::real from generate_series(1, 8) as d),
       pg_temp.clock() - k * interval '30 days'
  from person, generate_series(2, 4) as k;

insert into erasure_requests (id, patient_id, requested_at, due_at, status)
select pg_temp.uid('erasure', n), id, at, at + interval '30 days',
       case part when 'cancelled' then 'canceled' else 'pending' end::erasure_status
  from person
  join (values ('due', interval '30 days 5 hours'), ('not_yet', interval '12 days'), ('cancelled', interval '45 days'))
           as asked (part, age) using (part),
       lateral (select pg_temp.clock() - age as at) as moment;

create temp table story on commit drop as
select part, person.id::text as person, erasure_requests.id::text as request
  from person
  join erasure_requests on patient_id = person.id;
