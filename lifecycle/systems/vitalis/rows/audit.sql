-- The audit rows which the trigger would have written for the rows so far, as far back as the log
-- reaches; then what happened in between: logins, changes, and the places where `due` is in rows
-- about others.

do $$
declare
    audited record;
begin
    for audited in
        select tgrelid::regclass as name,
               split_part(encode(tgargs, 'escape'), '\000', 1) as id_column
          from pg_trigger
         where tgname = 'audit' and tgparentid = 0
         order by tgrelid::regclass::text
    loop
        execute format(
            'insert into audit_log (audit_id, user_id, action_by, table_name, record_id, action, new_values, '
            '                       ip_address, user_agent, request_id, created_at) '
            'select md5(current_setting(''sample.seed'') || %1$L || written.new_values)::uuid, person.user_id, '
            '       case when %1$L not like ''wearable%%'' then person.user_id end, '
            '       %1$L, (written.new_values ->> %2$L)::uuid, ''INSERT'', written.new_values, '
            '       case when %1$L not like ''wearable%%'' then (''2001:db8::5:'' || person.n)::inet end, '
            '       case when %1$L not like ''wearable%%'' then ''Vitalis/4.2 (phone of '' || person.tag || '')'' end, '
            '       pg_temp.uid(%1$L, person.n), moment.at '
            '  from (select to_jsonb(t) as new_values from %1$I as t offset 0) as written '
            '  left join person on person.user_id = (written.new_values ->> ''user_id'')::uuid, '
            '       lateral (select coalesce((written.new_values ->> ''created_at'')::timestamptz, '
            '                                (written.new_values ->> ''requested_at'')::timestamptz, '
            '                                (written.new_values ->> ''triggered_at'')::timestamptz, '
            '                                (written.new_values ->> ''updated_at'')::timestamptz, '
            '                                pg_temp.clock() - interval ''120 days'') as at offset 0) as moment '
            ' where moment.at >= date_trunc(''quarter'', pg_temp.clock() - interval ''2 years'')',
            audited.name, audited.id_column);
    end loop;
end
$$;

create temp table event (kind text, n int, k int, table_name text, record_id uuid, user_id uuid, action_by uuid,
                         action audit_action, old_values jsonb, new_values jsonb, at timestamptz) on commit drop;

insert into event (kind, n, k, table_name, record_id, user_id, action_by, action, at)
select 'session', n, k, 'users', user_id, user_id, user_id, (array['LOGIN', 'LOGOUT'])[1 + k % 2]::audit_action,
       pg_temp.clock() - k * interval '17 days'
  from person, generate_series(1, 6) as k;

insert into event (kind, n, k, table_name, record_id, user_id, action_by, action, at)
select 'export', n, 1, 'data_export_requests', export_id, user_id, user_id, 'EXPORT', requested_at
  from data_export_requests
  join person using (user_id);

-- People change their address, so a former one is in the log and nowhere else.
insert into event
select 'moved', n, 1, 'users', user_id, user_id, user_id, 'UPDATE',
       jsonb_build_object('email', 'former.' || tag || '@example.org'), jsonb_build_object('email', email),
       pg_temp.clock() - interval '80 days'
  from person
  join users using (user_id)
 where lead or n % 5 = 0;

-- The relative had signed up with the address and name of `due`, and corrected that later.
insert into event
select 'borrowed', relative.n, 1, 'users', relative.user_id, relative.user_id, relative.user_id, 'UPDATE',
       jsonb_build_object('email', due.email, 'display_name', due.display_name),
       jsonb_build_object('email', own.email, 'display_name', own.display_name),
       pg_temp.clock() - interval '200 days'
  from person as relative
  join users as own using (user_id),
       users as due
 where relative.part = 'family_member' and due.user_id = (select user_id from person where part = 'due');

-- `due` confirmed a paper of the relative and corrected a note about them.
insert into event
select 'confirmed', relative.n, 1, 'documents', pg_temp.uid('document', relative.n, 1), relative.user_id, due.user_id,
       'UPDATE', jsonb_build_object('confirmed_by', null), jsonb_build_object('confirmed_by', due.user_id),
       pg_temp.clock() - interval '138 days'
  from person as due, person as relative
 where due.part = 'due' and relative.part = 'family_member';

-- Support looked after the record of `due`: the row is about nobody but has their id as record_id.
insert into event
select 'support', n, 1, 'users', user_id, null, (select user_id from person where n = 1), 'UPDATE',
       jsonb_build_object('role', 'admin'), jsonb_build_object('role', 'user'), pg_temp.clock() - interval '300 days'
  from person
 where part = 'due';

-- What is left in the log of the two people who are gone.
insert into event
select 'forgotten', request.k, step, forgotten_table, pg_temp.uid('gone' || forgotten_table, request.k), null, null,
       'DELETE', null, jsonb_build_object('lifecycle_run', pg_temp.uid('run', request.k)),
       pg_temp.clock() - request.k * interval '100 days' + interval '30 days 2 hours'
  from generate_series(1, 2) as request (k),
       unnest(array['user_preferences', 'connected_devices', 'mood_journal', 'users'])
           with ordinality as gone (forgotten_table, step);

insert into audit_log (audit_id, user_id, action_by, table_name, record_id, action, old_values, new_values, ip_address,
                       user_agent, request_id, created_at)
select pg_temp.uid('event' || kind, event.n, k), event.user_id, action_by, table_name, record_id, action, old_values,
       new_values, ('2001:db8::5:' || actor.n)::inet, 'Vitalis/4.2 (phone of ' || actor.tag || ')',
       case when actor.n is not null then pg_temp.uid('request' || kind, event.n, k) end, at
  from event
  left join person as actor on actor.user_id = event.action_by;
