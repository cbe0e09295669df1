-- What people do today, with all triggers and constraints at work: four events per person.

set local session_replication_role = origin;

do $$
declare
    someone record;
begin
    for someone in select * from person order by n loop
        perform set_config('app.current_user_id', someone.user_id::text, true),
                set_config('app.ip_address', '2001:db8::5:' || someone.n, true),
                set_config('app.user_agent', 'Vitalis/4.2 (phone of ' || someone.tag || ')', true),
                set_config('app.request_id', pg_temp.uid('today', someone.n)::text, true);

        insert into mood_journal (journal_id, user_id, journal_date, mood_score, notes, created_at, updated_at)
        values (pg_temp.uid('mood', someone.n, 0), someone.user_id, pg_temp.clock()::date, 4,
                'today of ' || someone.tag || ' is good', pg_temp.clock(), pg_temp.clock());
        update user_preferences
           set dashboard_layout = dashboard_layout || '{"widgets": ["mood"]}', updated_at = pg_temp.clock()
         where user_id = someone.user_id;
        insert into measurements (measurement_id, user_id, metric, value, unit, measured_at, notes,
                                  created_at, updated_at)
        values (pg_temp.uid('measurement', someone.n, 0), someone.user_id, 'waist', 80, 'cm', pg_temp.clock(),
                'typed wrongly by ' || someone.tag, pg_temp.clock(), pg_temp.clock());
        delete from measurements where measurement_id = pg_temp.uid('measurement', someone.n, 0);
    end loop;
    perform set_config(name, '', true)
       from unnest(array['app.current_user_id', 'app.ip_address', 'app.user_agent', 'app.request_id']) as name;
end
$$;

-- The trigger took ids at random and the server's time: give the same ones each time.
update audit_log
   set audit_id = md5(current_setting('sample.seed') || table_name || record_id || action)::uuid,
       created_at = pg_temp.clock() - interval '1 minute'
 where created_at = now();

drop function pg_temp.clock, pg_temp.uid, pg_temp.chance;
