-- Jobs, exports and requests for deletion.

-- Seven finished jobs per person, one every 60 days, and one that waits, runs or hangs.
insert into ingestion_jobs (job_id, user_id, source, job_type, status, payload, result, error_message, attempts,
                            queued_at, started_at, completed_at, next_retry_at)
select pg_temp.uid('job', n, k), user_id, 'garmin', (array['daily_sync', 'document_parse'])[1 + k % 2]::job_type,
       case when k > 1 then case when (n + k) % 10 = 0 then 'failed' else 'completed' end
            else (array['queued', 'running', 'failed'])[1 + n % 3] end::job_status,
       jsonb_build_object('external_user_id', 'external-1-' || tag),
       case when k > 1 then jsonb_build_object('rows', k, 'account', 'external-1-' || tag) end,
       case when (n + k) % 10 = 0 then 'timeout for external-1-' || tag end,
       1, at, at + interval '1 second', case when k > 1 then at + interval '1 minute' end,
       case when k = 1 and n % 3 <> 1 then pg_temp.clock() + interval '5 minutes' end
  from person, generate_series(1, 8) as k,
       lateral (select pg_temp.clock() - interval '2 hours' - (k - 1) * interval '60 days' as at) as moment;

-- Nobody's jobs.
insert into ingestion_jobs (job_id, job_type, status, result, queued_at, started_at, completed_at)
select pg_temp.uid('maintenance', k), 'maintenance', 'completed', '{"refreshed": 12}', at, at, at + interval '1 minute'
  from generate_series(1, 20) as k, lateral (select pg_temp.clock() - k * interval '20 days' as at) as moment;

insert into data_export_requests (export_id, user_id, requested_at, status, format, s3_key, expires_at, completed_at,
                                  file_size_bytes)
select export_id, user_id, at, status, 'json',
       'users/' || user_id || '/exports/' || export_id || '.json', at + interval '7 days', at + interval '10 minutes', 140
  from person, (values ('ready', interval '2 days'), ('expired', interval '60 days')) as export (status, age),
       lateral (select pg_temp.uid('export' || status, n) as export_id, pg_temp.clock() - age as at) as made
 where lead or n % 12 = 0;

insert into deletion_requests (request_id, user_id, requested_at, status)
select pg_temp.uid('deletion', n), user_id, pg_temp.clock() - age, status
  from person
  join (values ('due', interval '30 days 5 hours', 'pending'),
               ('due_alone', interval '30 days 3 hours', 'pending'),
               ('not_yet', interval '12 days', 'pending'),
               ('cancelled', interval '45 days', 'canceled')) as story (part, age, status) using (part);

-- People who asked are invisible to the application from that day on, but can still come back.
update users
   set deleted_at = requested_at, updated_at = requested_at
  from deletion_requests
 where deletion_requests.user_id = users.user_id and status = 'pending';

-- Two people who are gone already.
insert into deletion_requests (request_id, requested_at, status, completed_at, tables_deleted)
select pg_temp.uid('forgotten', k), at, 'completed', at + interval '30 days 2 hours',
       array['users', 'user_preferences', 'connected_devices', 'wearable_daily', 'wearable_sleep', 'mood_journal']
  from generate_series(1, 2) as k, lateral (select pg_temp.clock() - k * interval '100 days' as at) as moment;
