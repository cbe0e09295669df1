-- 120 people: 1 to 36 alone and free, 37 to 72 alone and paying, 73 to 120 in families of 2, 3, 4,
-- 3, 2, 3, 4, 3 ...
--
-- Everything a person wrote or is called by contains their tag, "qzvelin" and three digits, which
-- occurs nowhere else. Who has a part in the story is said here and nowhere else. The leads have
-- rows in every table.

create temp table person on commit drop as
with numbered as (
    select n,
           case when n <= 72 then n
                else 73 + (n - 73) / 12 * 4
                     + case when (n - 73) % 12 < 2 then 0 when (n - 73) % 12 < 5 then 1 when (n - 73) % 12 < 9 then 2
                            else 3 end
           end as account_no,
           case n when 75 then 'due' when 76 then 'family_member' when 40 then 'due_alone' when 50 then 'not_yet'
                  when 60 then 'cancelled' when 10 then 'neighbour' end as part
      from generate_series(1, 120) as n)
select n,
       part,
       coalesce(part in ('due', 'due_alone', 'family_member'), false) as lead,
       pg_temp.uid('user', n) as user_id,
       account_no,
       pg_temp.uid('account', account_no) as account_id,
       'qzvelin' || lpad(n::text, 3, '0') as tag,
       (array['Marta', 'Jonas', 'Aiko', 'Samuel', 'Nadia', 'Pedro', 'Ingrid', 'Tomas', 'Leila', 'Oscar', 'Ruth', 'Emil',
              'Zoe'])[1 + n % 13] as first_name,
       case when part in ('due', 'due_alone', 'family_member') then 'female'
            when n % 11 = 0 then null
            else (array['male', 'female'])[1 + n % 2] end as sex,
       date_trunc('hour', pg_temp.clock())
           - case when part is null then 100 + n * 37 % 1300 else 1300 end * interval '1 day' as joined
  from numbered;
analyze person;

insert into accounts (account_id, subscription_tier, subscription_expires_at, max_users, created_at, updated_at)
select account_id,
       case when account_no <= 36 then 'free' when account_no <= 72 then 'pro' else 'family' end::subscription_tier,
       case when account_no > 36 then pg_temp.clock() + interval '100 days' end,
       case when account_no <= 72 then 1 else 4 end,
       min(joined),
       min(joined)
  from person
 group by account_no, account_id;

insert into users (user_id, account_id, email, email_verified_at, password_hash, display_name, date_of_birth,
                   biological_sex, role, last_login_at, created_at, updated_at)
select user_id,
       account_id,
       lower(first_name) || '.' || tag || '@example.org',
       joined + interval '1 hour',
       case when n % 4 > 0 then '$2b$12$' || tag || md5(tag) end,
       first_name || ' ' || initcap(tag),
       date '1950-01-01' + (pg_temp.chance('birth', n) * 19000)::int,
       sex,
       case when n = 1 then 'admin' else 'user' end,
       pg_temp.clock() - pg_temp.chance('login', n) * interval '40 days',
       joined,
       joined
  from person;

insert into oauth_identities (identity_id, user_id, provider, provider_user_id, access_token_enc, refresh_token_enc,
                              expires_at, created_at)
select pg_temp.uid('identity', n, k), user_id, (array['google', 'apple'])[k], 'oauth-' || k || '-' || tag,
       'enc:access:' || k || tag || md5(tag), 'enc:refresh:' || k || tag || md5(tag),
       pg_temp.clock() + interval '1 hour', joined
  from person, generate_series(1, 2) as k
 where lead or (n % 4 = 0 and k = 1);

insert into user_preferences (user_id, weight_unit, timezone, notification_prefs, dashboard_layout, updated_at)
select user_id,
       (array['lbs', 'kg'])[1 + n % 2],
       (array['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Tokyo'])[1 + n % 4],
       jsonb_build_object('weekly_mail', true, 'greeting', 'Hello ' || tag),
       jsonb_build_object('widgets', jsonb_build_array('sleep', 'glucose'), 'title', 'Board of ' || tag),
       joined + interval '2 hours'
  from person;

insert into connected_devices (device_id, user_id, source, display_name, access_token_enc, refresh_token_enc,
                               token_expires_at, scope, external_user_id, last_sync_at, last_sync_status,
                               last_sync_error, sync_cursor, created_at, updated_at)
select pg_temp.uid('device', n, k),
       user_id,
       (array['garmin', 'oura', 'apple_health', 'whoop'])[1 + (n + k) % 4]::data_source,
       'Wearable of ' || tag,
       'enc:access:device' || k || tag || md5(tag),
       'enc:refresh:device' || k || tag || md5(tag),
       pg_temp.clock() + interval '1 day',
       array['activity:read', 'sleep:read'],
       'external-' || k || '-' || tag,
       pg_temp.clock() - interval '3 hours',
       case when n % 9 = 0 then 'error' else 'success' end,
       case when n % 9 = 0 then 'no consent from external-' || k || '-' || tag end,
       jsonb_build_object('after', 'cursor-' || tag),
       joined,
       joined
  from person, generate_series(1, 2) as k
 where lead or k = 1;
