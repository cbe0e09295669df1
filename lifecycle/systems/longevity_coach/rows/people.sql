-- 40 patients. Everything a person wrote or is called by contains their tag, "qzvelin" and three
-- digits, which occurs nowhere else. Who has a part in the story is said here and nowhere else.

create temp table person on commit drop as
select n,
       case n when 7 then 'due' when 12 then 'not_yet' when 20 then 'cancelled' end as part,
       pg_temp.uid('patient', n) as id,
       'qzvelin' || lpad(n::text, 3, '0') as tag,
       (array['Marta', 'Jonas', 'Aiko', 'Samuel', 'Nadia', 'Pedro', 'Ingrid', 'Tomas', 'Leila', 'Oscar'])[1 + n % 10]
           as first_name,
       date_trunc('hour', pg_temp.clock()) - (400 + n * 31 % 3600) * interval '1 day' as joined
  from generate_series(1, 40) as n;
analyze person;

insert into patients (id, created_at, updated_at, external_id, demographics, consents, settings)
select id, joined, joined, 'EXT-' || upper(tag),
       jsonb_build_object('firstName', first_name, 'lastName', initcap(tag),
                          'email', lower(first_name) || '.' || tag || '@example.org',
                          'dateOfBirth', date '1950-01-01' + (pg_temp.chance('birth', n) * 19000)::int,
                          'sex', (array['female', 'male'])[1 + n % 2]),
       jsonb_build_object('gdpr', jsonb_build_object('granted', true, 'by', initcap(tag)), 'research', n % 2 = 0),
       jsonb_build_object('units', 'metric', 'greeting', 'Hello ' || initcap(tag))
  from person;

insert into laboratories (id, name, address, location, accreditation, created_at)
select pg_temp.uid('laboratory', k), 'Laboratory ' || (array['North', 'Harbour', 'Hill', 'Station'])[k], k || ' Main Street',
       point(13.4 + k, 52.5), 'ISO 15189', pg_temp.clock() - interval '12 years'
  from generate_series(1, 4) as k;

insert into reference_ranges (id, loinc_code, unit, sex, low, high, tags)
select pg_temp.uid('range', k), loinc_code, unit, (array['female', 'male'])[1 + k % 2], low, high, array['adult']
  from unnest(array['2345-7', '2093-3', '718-7', '2276-4'], array['mg/dL', 'mg/dL', 'g/dL', 'ng/mL'],
              array[70, 120, 12, 15], array[99, 200, 16, 150]) with ordinality as range (loinc_code, unit, low, high, k);

insert into flyway_schema_history (installed_rank, version, description, checksum, success)
values (1, '1', 'core tables', 1234567, true), (2, '2', 'hypertable', 7654321, true);
