-- What people said to the assistant, what it remembers of them, and what was archived.

insert into chat_sessions (id, user_id, title, is_archived, created_at, updated_at)
select pg_temp.uid('session', n, k), id, 'Questions of ' || tag, false, at, at
  from person, generate_series(1, 4) as k, lateral (select pg_temp.clock() - k * interval '11 days' as at) as moment;

insert into chat_messages (id, session_id, role, content, metadata, created_at)
select pg_temp.uid('message', n * 10 + k, m), pg_temp.uid('session', n, k),
       case when m % 2 = 1 then 'user' else 'assistant' end::chat_role,
       case when m % 2 = 1 then 'I am ' || first_name || ' ' || initcap(tag) || '. Is my pulse normal?'
            else 'Yes, ' || initcap(tag) || ', it is.' end,
       jsonb_build_object('client', jsonb_build_object('email', lower(first_name) || '.' || tag || '@example.org')),
       pg_temp.clock() - k * interval '11 days' + m * interval '1 minute'
  from person, generate_series(1, 4) as k, generate_series(1, 6) as m;

insert into chat_history (user_id, question, answer, asked_at)
select id, 'What is a good pulse for ' || tag || '?', 'Between 60 and 100.', pg_temp.clock() - k * interval '100 days'
  from person, generate_series(2, 5) as k;

insert into session_archives (id, session_id, user_id, message_count, messages, checksum, archived_at)
select pg_temp.uid('archive', n, k), pg_temp.uid('archived session', n, k), id, 2, messages,
       encode(sha256(convert_to(messages::text, 'UTF8')), 'hex'), pg_temp.clock() - k * interval '300 days'
  from person, generate_series(1, 2) as k,
       lateral (select jsonb_build_array(
           jsonb_build_object('role', 'user', 'content', 'My name is ' || first_name || ' ' || initcap(tag)),
           jsonb_build_object('role', 'assistant', 'content', 'Hello!')) as messages) as said;

insert into patient_memories (id, user_id, content, category, importance, created_at, updated_at)
select pg_temp.uid('memory', n, k), id, initcap(tag) || ' sleeps badly', (array['sleep', 'diet', 'family'])[k], 0.4 + k / 10.0,
       joined, joined
  from person, generate_series(1, 3) as k;

insert into vector_user_memories (id, user_id, memory_id, content, embedding, metadata, created_at)
select pg_temp.uid('vector', n, k), id, pg_temp.uid('memory', n, k), initcap(tag) || ' sleeps badly',
       array(select pg_temp.chance('embedding', n, k * 1000 + d)::real from generate_series(1, 384) as d),
       jsonb_build_object('speaker', tag), joined
  from person, generate_series(1, 3) as k;

insert into feedback (id, message_id, user_id, rating, comment, created_at)
select pg_temp.uid('feedback', n), pg_temp.uid('message', n * 10 + 1, 2), id, 1 + n % 5, 'Thanks from ' || tag,
       pg_temp.clock() - interval '10 days'
  from person;

insert into content_verifications (id, message_id, verified_by, verdict, remarks, verified_at)
select pg_temp.uid('verification', n), pg_temp.uid('message', n * 10 + 1, 2), pg_temp.uid('provider', 1 + n % 5), 'correct',
       'as ' || tag || ' was told', pg_temp.clock() - interval '9 days'
  from person;
