-- What is nobody's: drugs that do not go together, and texts with their vectors.

insert into drug_interactions (drug_a, drug_b, severity, mechanism)
values ('bisoprolol', 'verapamil', 'major', 'both slow the heart'),
       ('ramipril', 'spironolactone', 'moderate', 'both raise potassium'),
       ('warfarin', 'ibuprofen', 'major', 'both prolong bleeding');

insert into vector_medical_knowledge (content, embedding, metadata)
select 'Passage ' || k || ' on the heart', array(select pg_temp.chance('passage', k, d)::real from generate_series(1, 384) as d),
       '{"source": "StatPearls"}'
  from generate_series(1, 30) as k;
insert into vector_drug_interactions (content, embedding)
select drug_a || ' with ' || drug_b, array(select pg_temp.chance('drug', id, d)::real from generate_series(1, 384) as d)
  from drug_interactions;
insert into vector_symptoms_conditions (content, embedding)
select 'Symptom ' || k, array(select pg_temp.chance('symptom', k, d)::real from generate_series(1, 384) as d)
  from generate_series(1, 10) as k;

insert into alembic_version (version_num) values ('20260222');

refresh materialized view mv_vector_collection_stats;
refresh materialized view mv_user_memory_stats;
