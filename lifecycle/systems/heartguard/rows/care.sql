-- Appointments past and to come, with their bills; and who has asked to be forgotten.

insert into insurance_info (id, user_id, insurer, policy_number, group_number, holder_name, valid_until, created_at, updated_at)
select pg_temp.uid('insurance', n), id, 'Harbor Health', 'HH-' || upper(tag), 'G-' || n, first_name || ' ' || initcap(tag),
       (pg_temp.clock() + interval '1 year')::date, joined, joined
  from person;

-- Of the last eight years: what is older than seven has had its time.
insert into appointments (id, user_id, provider_id, insurance_id, date, time, status, appointment_type, location, reason,
                          symptoms, notes, provider_notes, diagnosis, patient_name, patient_phone, patient_email, insurer,
                          policy_number, authorization_code, billing_code, price_cents, copay_cents, paid_cents,
                          invoice_number, confirmed_at, created_at, updated_at)
select pg_temp.uid('appointment', n, k), users.id, pg_temp.uid('provider', 1 + n % 5), pg_temp.uid('insurance', n),
       day::date, '10:30', case when k = 0 then 'scheduled' else 'completed' end::appointment_status, 'check-up',
       'Room ' || 1 + n % 5, 'chest pain of ' || tag, 'short of breath, says ' || tag, 'from ' || tag, 'seen: ' || tag,
       'I10 (' || tag || ')', name, phone, email, 'Harbor Health', 'HH-' || upper(tag), 'AUTH-' || upper(tag), '99213',
       12000, 2000, case when k = 0 then 0 else 12000 end, 'INV-' || n || '-' || k,
       day - interval '3 days', day - interval '20 days', day - interval '20 days'
  from person
  join users using (id),
       (values (0, interval '-20 days'), (1, interval '60 days'), (2, interval '700 days'), (3, interval '2700 days'))
           as seen (k, age),
       lateral (select pg_temp.clock() - age as day) as moment
 where k < 3 or n % 4 = 0;

insert into calendar_events (id, user_id, appointment_id, title, starts_at, ends_at, external_id, created_at)
select pg_temp.uid('event', n), id, pg_temp.uid('appointment', n, 0), 'Check-up of ' || tag,
       pg_temp.clock() + interval '20 days', pg_temp.clock() + interval '20 days 30 minutes', 'ics-' || tag, pg_temp.clock()
  from person;

insert into push_devices (id, user_id, token, platform, last_seen_at)
select pg_temp.uid('push', n), id, 'apns-' || tag || md5(tag), 'ios', pg_temp.clock() - interval '1 hour'
  from person;

insert into notifications (id, user_id, title, body, status, created_at, sent_at)
select pg_temp.uid('notification', n, k), id, 'Time to measure', 'Good morning, ' || initcap(tag),
       case when k = 1 then 'pending' else 'sent' end::notification_status, at, case when k > 1 then at end
  from person, generate_series(1, 8) as k, lateral (select pg_temp.clock() - k * interval '1 day' as at) as moment;

insert into erasure_requests (id, user_id, requested_at, due_at, status)
select pg_temp.uid('erasure', n), id, at, at + interval '30 days', case part when 'cancelled' then 'canceled' else 'pending' end::erasure_status
  from person
  join (values ('due', interval '30 days 5 hours'), ('not_yet', interval '12 days'), ('cancelled', interval '45 days'))
           as asked (part, age) using (part),
       lateral (select pg_temp.clock() - age as at) as moment;

create temp table story on commit drop as
select part, person.id::text as person, erasure_requests.id::text as request
  from person
  join erasure_requests on user_id = person.id;
