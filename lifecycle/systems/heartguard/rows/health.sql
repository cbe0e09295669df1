-- What is measured of people: by hand, by devices, by the model.

insert into vitals (id, user_id, metric, value, unit, source, notes, recorded_at, created_at)
select pg_temp.uid('vital', n, k), id, (array['heart_rate', 'systolic', 'weight'])[1 + k % 3]::vital_metric,
       (array[64, 121, 71])[1 + k % 3] + round((pg_temp.chance('vital', n, k) * 12)::numeric, 1),
       (array['bpm', 'mmHg', 'kg'])[1 + k % 3], case when k % 4 = 0 then 'manual' else 'device' end,
       case when k % 8 = 0 then 'felt dizzy, ' || tag end, at, at
  from person, generate_series(1, 60) as k, lateral (select pg_temp.clock() - k * interval '3 days' as at) as moment;

insert into medications (id, user_id, name, dosage, schedule, interactions, prescribed_by, started_on, ended_on,
                         created_at, updated_at)
select pg_temp.uid('medication', n, k), id, (array['bisoprolol', 'ramipril'])[k], '5 mg',
       jsonb_build_object('times', jsonb_build_array('08:00'), 'note', 'with breakfast, ' || tag),
       jsonb_build_array(jsonb_build_object('with', 'ibuprofen', 'severity', 'moderate')),
       'a doctor', (joined + interval '5 days')::date, case when k = 2 then (pg_temp.clock() + interval '60 days')::date end,
       joined, joined
  from person, generate_series(1, 2) as k;

insert into health_alerts (id, user_id, vital_id, type, severity, message, resolved, created_at, resolved_at)
select pg_temp.uid('alert', n, k), id, pg_temp.uid('vital', n, k * 3), 'high_heart_rate', 'warning',
       'Heart rate of ' || tag || ' above the limit', k > 1, pg_temp.clock() - k * interval '9 days',
       case when k > 1 then pg_temp.clock() - k * interval '8 days' end
  from person, generate_series(1, 4) as k;

insert into user_devices (id, user_id, device_type, platform, serial_number, push_token, created_at, updated_at)
select pg_temp.uid('device', n, k), id, (array['watch', 'cuff'])[k], (array['ios', 'android'])[1 + n % 2],
       'SN-' || k || '-' || upper(tag), 'push-' || tag || md5(tag || k), joined, joined
  from person, generate_series(1, 2) as k;

-- Rows that name a device and nobody else, at times with a word of its owner's.
insert into device_timeseries (device_id, metric_type, value, metadata, "timestamp")
select pg_temp.uid('device', n, 1 + k % 2), 'heart_rate', 60 + pg_temp.chance('series', n, k) * 40,
       case when k % 50 = 0 then jsonb_build_object('label', 'run with ' || tag) else '{}' end,
       pg_temp.clock() - k * interval '4 hours'
  from person, generate_series(1, 200) as k;

insert into prediction_history (id, user_id, model, inputs, risk, explanation, created_at)
select pg_temp.uid('prediction', n, k), id, 'heart-risk-3',
       jsonb_build_object('age', 40 + n % 30, 'patient', jsonb_build_object('name', initcap(tag))),
       round((pg_temp.chance('risk', n, k))::numeric, 4), 'Risk of ' || tag || ' in ten years',
       pg_temp.clock() - k * interval '20 days'
  from person, generate_series(1, 3) as k;

insert into user_health_goals (id, user_id, goal_type, title, target_value, current_value, status, created_at, updated_at)
select pg_temp.uid('goal', n), id, 'steps', 'Walk more, ' || tag, 8000, 5000 + n * 10,
       case when n % 5 = 0 then 'achieved' else 'active' end::goal_status, joined, joined
  from person;

insert into health_goal_milestones (id, goal_id, title, reached_at)
select pg_temp.uid('milestone', n, k), pg_temp.uid('goal', n), k * 2000 || ' steps, ' || tag,
       case when k < 3 then joined + k * interval '30 days' end
  from person, generate_series(1, 4) as k;

insert into health_goal_progress (id, goal_id, value, note, recorded_at)
select pg_temp.uid('progress', n, k), pg_temp.uid('goal', n), 5000 + k * 100,
       case when k % 5 = 0 then 'a good day for ' || tag end, pg_temp.clock() - k * interval '2 days'
  from person, generate_series(1, 20) as k;
