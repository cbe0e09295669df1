-- What the log has of the past, and what everybody does today with all triggers at work. Ids go on
-- where the rows above ended.

insert into audit_log (user_id, actor_id, table_name, record_id, action, new_values, ip_address, created_at)
select users.id, users.id, 'users', users.id, 'INSERT', to_jsonb(users), ('2001:db8::9:' || users.id)::inet, joined
  from users
  join person using (id);

insert into audit_log (user_id, actor_id, table_name, record_id, action, new_values, created_at)
select user_id, written_by, 'care_plan_directives', id, 'INSERT', to_jsonb(care_plan_directives), created_at
  from care_plan_directives
 union all
select accepted_by, doctor_id, 'invitations', id, 'INSERT', to_jsonb(invitations), created_at from invitations
 union all
select patient_id, doctor_id, 'doctor_patients', id, 'INSERT', to_jsonb(doctor_patients), created_at from doctor_patients;

-- "Record access to sensitive information."
insert into audit_log (user_id, actor_id, table_name, record_id, action, ip_address, created_at)
select id, doctor, 'health_metrics', null, 'READ', ('2001:db8::9:' || doctor)::inet, pg_temp.clock() - k * interval '30 days'
  from person, generate_series(1, 3) as k
 where role = 'patient';

do $$
declare
    filled record;
begin
    for filled in
        select c.oid::regclass as name, pg_get_serial_sequence(c.oid::regclass::text, 'id') as sequence
          from pg_class c
         where relkind in ('r', 'p') and not relispartition
           and relnamespace in ('public'::regnamespace, 'drizzle'::regnamespace)
    loop
        if filled.sequence is not null then
            execute format('select setval(%L, coalesce((select max(id) from %s), 0) + 1, false)', filled.sequence, filled.name);
        end if;
    end loop;
end
$$;

set local session_replication_role = origin;
do $$
declare
    someone record;
begin
    for someone in select * from person where role = 'patient' order by id loop
        perform set_config('app.current_user_id', someone.id::text, true),
                set_config('app.ip_address', '2001:db8::9:' || someone.id, true);
        update progress_milestones set title = title || ' today' where user_id = someone.id;
        insert into health_metrics (user_id, date, medication_score, diet_score, exercise_score, remark)
        values (someone.id, pg_temp.clock(), 80, 80, 80, 'today of ' || someone.tag);
    end loop;
    perform set_config(name, '', true) from unnest(array['app.current_user_id', 'app.ip_address']) as name;
end
$$;
refresh materialized view mv_feature_usage;
