-- What the trigger would have written of the rows so far; what happened in between; and what everybody
-- does today, with all triggers at work.

insert into audit_logs (patient_id, actor_id, table_name, record_id, action, new_values, ip_address, user_agent, created_at)
select person.id, person.id, 'patients', person.id::text, 'INSERT', to_jsonb(patients), ('2001:db8::8:' || n)::inet,
       'Longevity/1.4 (phone of ' || tag || ')', joined
  from person
  join patients using (id);

insert into audit_logs (patient_id, table_name, record_id, action, new_values, created_at)
select patient_id, 'blood_tests', id::text, 'INSERT', to_jsonb(blood_tests), tested_at from blood_tests
 union all
select patient_id, 'recommendations', id::text, 'INSERT', to_jsonb(recommendations), created_at from recommendations;

-- People change their address, so a former one is in the log and nowhere else.
insert into audit_logs (patient_id, actor_id, table_name, record_id, action, old_values, new_values, ip_address, user_agent,
                        created_at)
select person.id, person.id, 'patients', person.id::text, 'UPDATE',
       jsonb_build_object('demographics', demographics || jsonb_build_object('email', 'former.' || tag || '@example.org')),
       jsonb_build_object('demographics', demographics), ('2001:db8::8:' || n)::inet, 'Longevity/1.4 (phone of ' || tag || ')',
       pg_temp.clock() - interval '80 days'
  from person
  join patients using (id)
 where part is not null or n % 3 = 0;

-- The due patient looked at somebody else's report, which had been shared with them.
insert into audit_logs (patient_id, actor_id, table_name, record_id, action, ip_address, user_agent, created_at)
select other.id, due.id, 'blood_tests', pg_temp.uid('test', other.n, 3)::text, 'EXPORT', ('2001:db8::8:' || due.n)::inet,
       'Longevity/1.4 (phone of ' || due.tag || ')', pg_temp.clock() - interval '70 days'
  from person as due, person as other
 where due.part = 'due' and other.n = 8;

set local session_replication_role = origin;
do $$
declare
    someone record;
begin
    for someone in select * from person order by n loop
        perform set_config('request.jwt.claim.sub', someone.id::text, true),
                set_config('app.ip_address', '2001:db8::8:' || someone.n, true),
                set_config('app.user_agent', 'Longevity/1.4 (phone of ' || someone.tag || ')', true);
        update patients set settings = settings || jsonb_build_object('theme', 'dark of ' || someone.tag) where id = someone.id;
    end loop;
    perform set_config(name, '', true)
       from unnest(array['request.jwt.claim.sub', 'app.ip_address', 'app.user_agent']) as name;
end
$$;
refresh materialized view mv_biomarker_months;
