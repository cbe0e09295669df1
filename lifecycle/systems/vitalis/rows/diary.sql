-- What people do and write down: training, weight, food, mood, supplements, cycles. k counts one
-- person's rows back from yesterday.

create temp table session on commit drop as
select person.*, k, pg_temp.uid('session', n, k) as session_id,
       greatest(joined, pg_temp.clock() - k * interval '40 days') + interval '1 hour' as held
  from person, generate_series(1, 8) as k
 where lead or n % 2 = 1;

insert into lifting_sessions (session_id, user_id, session_date, source, source_session_id, name, duration_seconds,
                              notes, created_at, updated_at)
select session_id, user_id, held::date, 'strong', 'strong-' || k || '-' || tag, 'Upper A', 3000 + k * 60,
       'session ' || k || ' of ' || tag, held, held
  from session;

insert into lifting_sets (set_id, session_id, user_id, exercise_id, set_number, exercise_order, weight_lbs, reps, rpe,
                          notes, created_at)
select pg_temp.uid('set', n * 10 + k, set_no), session_id, user_id, pg_temp.uid('exercise', 1 + (n + k + set_no) % 30),
       set_no, 1 + set_no / 3, 45 + 5 * (n % 30), 5 + set_no, 7.5, case when set_no = 1 then 'belt of ' || tag end, held
  from session, generate_series(1, 5) as set_no;

insert into measurements (measurement_id, user_id, metric, value, unit, measured_at, source, notes, created_at, updated_at)
select pg_temp.uid('measurement', n, k), user_id, 'weight', 60 + n % 40 + k * 0.1, 'kg', at, 'manual',
       'scale of ' || tag, at, at
  from person, generate_series(1, 10) as k, lateral (select pg_temp.clock() - k * interval '9 days' as at) as moment;

insert into custom_metrics (metric_id, user_id, name, unit, data_type, created_at)
select pg_temp.uid('metric', n), user_id, 'Cups of tea, ' || tag, 'cups', 'text', joined
  from person
 where lead or n % 3 = 2;

insert into custom_metric_entries (entry_id, metric_id, user_id, value_numeric, value_text, measured_at, notes, created_at)
select pg_temp.uid('entry', n, k), pg_temp.uid('metric', n), user_id, k, 'green, ' || tag, at, 'entry of ' || tag, at
  from person, generate_series(1, 5) as k, lateral (select pg_temp.clock() - k * interval '11 days' as at) as moment
 where lead or n % 3 = 2;

insert into supplements (supplement_id, user_id, name, brand, dose_amount, dose_unit, frequency, timing, started_at,
                         ended_at, purpose, notes, created_at, updated_at)
select pg_temp.uid('supplement', n, k), user_id, (array['Vitamin D', 'Magnesium'])[k], 'Brand for ' || tag, 100 * k, 'mg',
       'daily', 'morning', joined::date, case when k = 2 then joined::date + 60 end, 'sleep of ' || tag,
       'supplement ' || k || ' of ' || tag, joined, joined
  from person, generate_series(1, 2) as k
 where lead or n % 4 < 3;

insert into supplement_logs (log_id, supplement_id, user_id, taken_at, dose_amount, dose_unit, notes, created_at)
select pg_temp.uid('intake', n, k), pg_temp.uid('supplement', n, 1), user_id, at, 100, 'mg',
       case when k % 5 = 0 then 'late, ' || tag end, at
  from person, generate_series(1, 15) as k, lateral (select pg_temp.clock() - k * interval '2 days' as at) as moment
 where lead or n % 4 < 3;

insert into nutrition_logs (nutrition_id, user_id, log_date, meal_type, calories_kcal, protein_g, carbs_g, fat_g, source,
                            raw_data, created_at)
select pg_temp.uid('meal', n, k), user_id, at::date, (array['breakfast', 'lunch', 'dinner'])[1 + k % 3],
       300 + k * 20, 20, 40, 10, 'cronometer', jsonb_build_object('meal', 'lentils for ' || tag), at
  from person, generate_series(1, 12) as k, lateral (select pg_temp.clock() - k * interval '15 days' as at) as moment;

insert into mood_journal (journal_id, user_id, journal_date, mood_score, energy_score, stress_score, notes,
                          created_at, updated_at)
select pg_temp.uid('mood', n, k), user_id, at::date, 1 + (n + k) % 5, 1 + n % 5, 1 + k % 5,
       'day ' || k || ' of ' || tag || ' was long', at, at
  from person, generate_series(1, 12) as k, lateral (select pg_temp.clock() - k * interval '6 days' as at) as moment;

insert into menstrual_cycles (cycle_id, user_id, cycle_date, phase, flow_intensity, symptoms, notes, created_at)
select pg_temp.uid('cycle', n, k), user_id, at::date, 'menstrual', k % 5,
       array['cramps', 'craving of ' || tag], 'cycle of ' || tag, at
  from person, generate_series(1, 6) as k, lateral (select pg_temp.clock() - k * interval '28 days' as at) as moment
 where sex = 'female';

insert into goals (goal_id, user_id, metric_type, biomarker_id, metric_name, target_value, target_unit, direction,
                   alert_threshold_high, notes, created_at, updated_at)
select pg_temp.uid('goal', n), user_id, 'blood_marker', pg_temp.uid('biomarker', 1), 'glucose', 90, 'mg/dL', 'minimize',
       110, 'goal of ' || tag, joined, joined
  from person;

insert into goal_alerts (alert_id, goal_id, user_id, triggered_at, trigger_value, message)
select pg_temp.uid('alert', n, k), pg_temp.uid('goal', n), user_id, pg_temp.clock() - k * interval '50 days', 112,
       'glucose of ' || tag || ' is high'
  from person, generate_series(1, 2) as k
 where lead or n % 2 = 0;

insert into insights (insight_id, user_id, insight_type, title, body, metric_a, metric_b, correlation_r, p_value,
                      data_points, valid_from, valid_until, is_dismissed, created_at)
select pg_temp.uid('insight', n, k), user_id, 'correlation', 'Sleep and mood of ' || tag,
       'After long nights the mood of ' || tag || ' is better', 'sleep', 'mood', 0.412, 0.01, 80 + k, at::date,
       at::date + 30, k = 2, at
  from person, generate_series(1, 3) as k, lateral (select pg_temp.clock() - k * interval '30 days' as at) as moment;
