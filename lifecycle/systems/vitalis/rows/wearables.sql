-- Three years of days, nights and workouts for the devices of people.sql: every fourth day, every
-- eighth night, a workout every two weeks. A third of the days, and the nights and workouts of the
-- last 300 days, still carry the maker's raw answer.
--
-- "offset 0" keeps the planner from working out a and b again for every column that uses them.

create temp table device on commit drop as
select person.n, device_id, user_id, tag, connected_devices.source,
       greatest(joined, date_trunc('day', pg_temp.clock()) - interval '3 years')::date as first_day,
       (pg_temp.clock())::date as last_day
  from connected_devices
  join person using (user_id);

insert into wearable_daily (daily_id, user_id, date, source, resting_hr_bpm, max_hr_bpm, hrv_rmssd_ms, steps,
                            active_calories_kcal, active_minutes, distance_m, spo2_avg_pct, stress_avg,
                            readiness_score, raw_data, created_at, updated_at)
select md5(device_id::text || day)::uuid, user_id, day, source,
       48 + a * 25, 120 + b * 60, round((20 + 80 * b)::numeric, 2), 2000 + a * 14000,
       200 + a * 700, 10 + b * 90, 1500 + a * 11000, round((93 + 6 * b)::numeric, 1), 10 + a * 70,
       40 + b * 59,
       case when b < 0.33 then jsonb_build_object('serial', 'SN-' || tag, 'bpm', jsonb_build_array(50, 60, 70)) end,
       least(day + interval '26 hours', pg_temp.clock()), least(day + interval '26 hours', pg_temp.clock())
  from device,
       lateral (select first_day + step as day, pg_temp.chance('day', n, step) as a, pg_temp.chance('day-', n, step) as b
                  from generate_series(0, last_day - first_day, 4) as step offset 0) as days;

insert into wearable_sleep (sleep_id, user_id, sleep_date, source, sleep_start, sleep_end, total_sleep_minutes,
                            rem_minutes, deep_minutes, light_minutes, awake_minutes, sleep_score, avg_hr_bpm,
                            hypnogram, raw_data, created_at, updated_at)
select md5(device_id::text || 'night' || day)::uuid, user_id, day, source, day - interval '90 minutes',
       day + interval '390 minutes', 300 + a * 180, 60 + a * 40, 50 + b * 40, 180 + a * 60, 10 + b * 30, 50 + a * 49,
       45 + b * 20,
       jsonb_build_array(jsonb_build_object('t', 0, 'stage', 'light'), jsonb_build_object('t', 95, 'stage', 'deep')),
       case when last_day - day < 300 then jsonb_build_object('serial', 'SN-' || tag, 'nights', 1) end,
       least(day + interval '8 hours', pg_temp.clock()), least(day + interval '8 hours', pg_temp.clock())
  from device,
       lateral (select first_day + step as day, pg_temp.chance('night', n, step) as a,
                       pg_temp.chance('night-', n, step) as b
                  from generate_series(0, last_day - first_day, 8) as step offset 0) as nights;

insert into wearable_activities (activity_id, user_id, activity_date, source, source_activity_id, activity_type,
                                 activity_name, start_time, end_time, duration_seconds, distance_m, calories_kcal,
                                 avg_hr_bpm, max_hr_bpm, training_effect_aerobic, notes, raw_data,
                                 created_at, updated_at)
select md5(device_id::text || 'workout' || day)::uuid, user_id, day, source, left(md5(device_id::text || day), 12),
       (array['running', 'cycling', 'walking', 'yoga'])[1 + (a * 3.99)::int % 4]::activity_type,
       'Round of ' || tag, day + interval '7 hours', day + interval '8 hours', 3600, round((3000 + 9000 * a)::numeric, 2),
       300 + b * 500, 110 + a * 40, 150 + b * 30, round((1 + 4 * a)::numeric, 1),
       case when b < 0.1 then 'knee of ' || tag || ' hurt' end,
       case when last_day - day < 300 then jsonb_build_object('serial', 'SN-' || tag, 'laps', 4) end,
       least(day + interval '9 hours', pg_temp.clock()), least(day + interval '9 hours', pg_temp.clock())
  from device,
       lateral (select first_day + step as day, pg_temp.chance('workout', n, step) as a,
                       pg_temp.chance('workout-', n, step) as b
                  from generate_series(0, last_day - first_day, 14) as step offset 0) as workouts;
