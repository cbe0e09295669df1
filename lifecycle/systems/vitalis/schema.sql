-- Vitalis: the 38 tables of its owner's SCHEMA.md, on PostgreSQL 15 to 18.
--
-- Run by a superuser in an empty database, without parameters, as often as there are databases: the
-- roles belong to the cluster and are made only where they are missing. Everything else is owned by
-- vitalis_owner. Partitioned tables come without partitions.
--
-- "Choice:" marks a place where the owner's document contradicts itself or PostgreSQL, and what is
-- done here.


-- Roles -------------------------------------------------------------------------------------------

do $$
declare
    wanted record;
begin
    for wanted in
        select *
          from (values ('vitalis_owner', 'nologin'),
                       ('vitalis_api', 'nologin'),
                       ('vitalis_worker', 'nologin'),
                       ('vitalis_admin', 'nologin bypassrls'),
                       ('vitalis_readonly', 'nologin')) as role (name, attributes)
    loop
        if not exists (select from pg_roles where rolname = wanted.name) then
            execute format('create role %I %s', wanted.name, wanted.attributes);
        end if;
    end loop;
exception
    -- Another database of this cluster is being set up at the same moment and was first; the loser
    -- only needs to know that the roles are there, and they are created in one transaction.
    when duplicate_object or unique_violation then
        null;
end
$$;

grant usage, create on schema public to vitalis_owner;
grant usage on schema public to vitalis_api, vitalis_worker, vitalis_admin, vitalis_readonly;
set role vitalis_owner;


-- Words -------------------------------------------------------------------------------------------

create type subscription_tier as enum ('free', 'pro', 'family');
create type subscription_status as enum ('active', 'trialing', 'past_due', 'canceled', 'expired');
create type data_source as enum (
    'garmin', 'oura', 'apple_health', 'whoop', 'fitbit', 'withings', 'polar', 'strava', 'strong', 'cronometer',
    'lab_upload', 'csv_import', 'manual');
create type activity_type as enum (
    'running', 'walking', 'hiking', 'cycling', 'swimming', 'rowing', 'strength_training', 'hiit', 'yoga', 'elliptical',
    'skiing', 'climbing', 'team_sport', 'other');
create type biomarker_category as enum (
    'metabolic', 'lipids', 'lipids_advanced', 'fatty_acids', 'thyroid', 'hormones', 'hematology', 'inflammation',
    'nutrition', 'heavy_metals', 'immunology', 'urinalysis');
create type dexa_region as enum (
    'total', 'arms', 'arm_right', 'arm_left', 'legs', 'leg_right', 'leg_left', 'trunk', 'android', 'gynoid', 'head');
create type bone_density_region as enum (
    'total', 'head', 'arms', 'legs', 'trunk', 'ribs', 'spine', 'lumbar_spine', 'pelvis', 'femoral_neck');
create type organ_system as enum (
    'lung', 'metabolic', 'heart', 'brain', 'liver', 'kidney', 'immune', 'inflammation', 'blood', 'hormone',
    'musculoskeletal', 'skin');
create type measurement_metric as enum (
    'weight', 'height', 'blood_pressure_systolic', 'blood_pressure_diastolic', 'resting_heart_rate', 'body_temperature',
    'body_fat_pct', 'waist', 'hip', 'chest', 'neck', 'bicep', 'thigh', 'grip_strength', 'blood_glucose');
create type menstrual_phase as enum ('menstrual', 'follicular', 'ovulation', 'luteal');
create type document_type as enum ('blood_work', 'dexa', 'epigenetics', 'imaging', 'prescription', 'insurance', 'other');
create type parse_status as enum ('pending', 'processing', 'parsed', 'confirmed', 'failed');
create type goal_direction as enum ('minimize', 'maximize', 'target');
create type insight_type as enum ('correlation', 'trend', 'anomaly', 'recommendation', 'summary');
create type job_type as enum (
    'daily_sync', 'backfill', 'document_parse', 'csv_import', 'insight_refresh', 'data_export', 'maintenance');
create type job_status as enum ('queued', 'running', 'completed', 'failed', 'canceled');
create type audit_action as enum ('INSERT', 'UPDATE', 'DELETE', 'LOGIN', 'LOGOUT', 'EXPORT');


-- Identity ----------------------------------------------------------------------------------------

create table accounts (
    account_id uuid primary key default gen_random_uuid(),
    stripe_customer_id text unique,
    subscription_tier subscription_tier not null default 'free',
    subscription_status subscription_status not null default 'active',
    subscription_expires_at timestamptz,
    max_users smallint not null default 1 check (max_users between 1 and 4),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);

create table users (
    user_id uuid primary key default gen_random_uuid(),
    account_id uuid not null references accounts,
    email text not null unique
        check (email = lower(email) and email ~ '^[^@[:space:]]+@[^@[:space:]]+\.[^@[:space:]]+$'),
    email_verified_at timestamptz,
    password_hash text,
    display_name text not null,
    date_of_birth date,
    biological_sex text check (biological_sex in ('male', 'female', 'other')),
    role text not null default 'user' check (role in ('user', 'admin')),
    last_login_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    -- Choice: "age 13 to 150" is measured on the day of sign-up. A CHECK against today would make a
    -- row that was good when it was written refuse to be restored from a dump years later.
    constraint users_age_at_sign_up check (
        date_of_birth between ((created_at at time zone 'UTC') - interval '150 years')::date
                          and ((created_at at time zone 'UTC') - interval '13 years')::date)
);
-- The document also lists an index on email; the unique constraint already is one.
create index on users (account_id);

create table oauth_identities (
    identity_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    provider text not null check (provider in ('google', 'apple')),
    provider_user_id text not null,
    access_token_enc text,
    refresh_token_enc text,
    expires_at timestamptz,
    created_at timestamptz not null default now(),
    unique (provider, provider_user_id)
);

create table user_preferences (
    user_id uuid primary key references users,
    weight_unit text not null default 'lbs' check (weight_unit in ('lbs', 'kg')),
    height_unit text not null default 'in' check (height_unit in ('in', 'cm')),
    distance_unit text not null default 'miles' check (distance_unit in ('miles', 'km')),
    temperature_unit text not null default 'F' check (temperature_unit in ('F', 'C')),
    energy_unit text not null default 'kcal' check (energy_unit in ('kcal', 'kJ')),
    timezone text not null default 'UTC',
    notifications_enabled boolean not null default true,
    notification_prefs jsonb not null default '{}',
    dashboard_layout jsonb not null default '{}',
    updated_at timestamptz not null default now()
);

create table connected_devices (
    device_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    source data_source not null,
    display_name text,
    access_token_enc text,
    refresh_token_enc text,
    token_expires_at timestamptz,
    scope text[],
    external_user_id text,
    last_sync_at timestamptz,
    last_sync_status text check (last_sync_status in ('success', 'error', 'partial')),
    last_sync_error text,
    sync_cursor jsonb default '{}',
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (user_id, source)
);
create index on connected_devices (user_id);
create index on connected_devices (source, last_sync_at);


-- Wearables ---------------------------------------------------------------------------------------

-- Choice: the document makes daily_id, sleep_id and activity_id the whole primary key. PostgreSQL
-- demands that every unique key of a partitioned table contains the partition key, so the date is
-- part of each.

create table wearable_daily (
    daily_id uuid not null default gen_random_uuid(),
    user_id uuid not null references users,
    date date not null,
    source data_source not null,
    resting_hr_bpm smallint check (resting_hr_bpm between 20 and 300),
    max_hr_bpm smallint,
    hrv_rmssd_ms numeric(6,2) check (hrv_rmssd_ms between 1 and 300),
    steps integer check (steps between 0 and 100000),
    active_calories_kcal smallint,
    total_calories_kcal smallint,
    active_minutes smallint,
    moderate_intensity_minutes smallint,
    vigorous_intensity_minutes smallint,
    distance_m integer,
    floors_climbed smallint,
    spo2_avg_pct numeric(4,1) check (spo2_avg_pct between 70 and 100),
    spo2_min_pct numeric(4,1),
    respiratory_rate_avg numeric(4,1),
    stress_avg smallint check (stress_avg between 0 and 100),
    body_battery_start smallint check (body_battery_start between 0 and 100),
    body_battery_end smallint check (body_battery_end between 0 and 100),
    readiness_score smallint check (readiness_score between 0 and 100),
    recovery_score smallint check (recovery_score between 0 and 100),
    skin_temp_deviation_c numeric(4,2),
    vo2_max_ml_kg_min numeric(4,1),
    raw_data jsonb,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (daily_id, date),
    unique (user_id, date, source)
) partition by range (date);
create index on wearable_daily (user_id, date desc);
create index on wearable_daily (user_id, source, date desc);

create table wearable_sleep (
    sleep_id uuid not null default gen_random_uuid(),
    user_id uuid not null references users,
    sleep_date date not null,
    source data_source not null,
    sleep_start timestamptz,
    sleep_end timestamptz,
    total_sleep_minutes smallint,
    rem_minutes smallint,
    deep_minutes smallint,
    light_minutes smallint,
    awake_minutes smallint,
    sleep_latency_minutes smallint,
    sleep_efficiency_pct numeric(4,1),
    sleep_score smallint check (sleep_score between 0 and 100),
    interruptions smallint,
    avg_hr_bpm smallint,
    min_hr_bpm smallint,
    avg_hrv_ms numeric(6,2),
    avg_respiratory_rate numeric(4,1),
    avg_spo2_pct numeric(4,1),
    avg_skin_temp_deviation_c numeric(4,2),
    hypnogram jsonb,
    raw_data jsonb,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (sleep_id, sleep_date),
    unique (user_id, sleep_date, source)
) partition by range (sleep_date);
create index on wearable_sleep (user_id, sleep_date desc);

create table wearable_activities (
    activity_id uuid not null default gen_random_uuid(),
    user_id uuid not null references users,
    activity_date date not null,
    source data_source not null,
    source_activity_id text,
    activity_type activity_type not null,
    activity_name text,
    start_time timestamptz,
    end_time timestamptz,
    duration_seconds integer,
    distance_m numeric(10,2),
    calories_kcal smallint,
    avg_hr_bpm smallint,
    max_hr_bpm smallint,
    hr_zone_1_seconds integer,
    hr_zone_2_seconds integer,
    hr_zone_3_seconds integer,
    hr_zone_4_seconds integer,
    hr_zone_5_seconds integer,
    avg_pace_sec_per_km numeric(7,2),
    avg_speed_kmh numeric(5,2),
    elevation_gain_m numeric(7,2),
    avg_power_watts smallint,
    normalized_power_watts smallint,
    training_stress_score numeric(6,1),
    training_effect_aerobic numeric(3,1) check (training_effect_aerobic between 0 and 5),
    training_effect_anaerobic numeric(3,1) check (training_effect_anaerobic between 0 and 5),
    vo2_max_ml_kg_min numeric(4,1),
    notes text,
    raw_data jsonb,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (activity_id, activity_date),
    -- Choice: the document's key is (user_id, source, source_activity_id). With the partition key
    -- added, an activity that is sent again under another date is no longer refused; the importer
    -- has to look for it.
    unique (user_id, source, source_activity_id, activity_date)
) partition by range (activity_date);
create index on wearable_activities (user_id, activity_date desc);
create index on wearable_activities (user_id, activity_type, activity_date desc);


-- Documents (before everything that was read out of one) ------------------------------------------

create table documents (
    document_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    document_type document_type not null,
    provider_name text,
    original_filename text,
    s3_key text not null,
    file_size_bytes integer,
    mime_type text not null default 'application/pdf',
    parse_status parse_status not null default 'pending',
    parse_confidence numeric(3,2) check (parse_confidence between 0 and 1),
    parse_result jsonb,
    parsed_at timestamptz,
    confirmed_at timestamptz,
    confirmed_by uuid references users,
    -- A panel, a scan or a test, as linked_record_type says: no foreign key is possible.
    linked_record_id uuid,
    linked_record_type text check (linked_record_type in ('blood_panel', 'dexa_scan', 'epigenetic_test')),
    error_message text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);
create index on documents (user_id, created_at desc);
create index on documents (parse_status) where parse_status = 'pending';


-- Lab work ----------------------------------------------------------------------------------------

create table biomarker_dictionary (
    biomarker_id uuid primary key default gen_random_uuid(),
    canonical_name text not null unique,
    display_name text not null,
    category biomarker_category not null,
    subcategory text,
    canonical_unit text not null,
    common_units text[],
    loinc_code text,
    description text,
    aliases text[],
    sex_specific_ranges boolean not null default false,
    optimal_low_male numeric(12,4),
    optimal_high_male numeric(12,4),
    optimal_low_female numeric(12,4),
    optimal_high_female numeric(12,4),
    normal_low numeric(12,4),
    normal_high numeric(12,4),
    is_qualitative boolean not null default false,
    sort_order integer,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
-- The document also lists an index on canonical_name; the unique constraint already is one.
create index on biomarker_dictionary using gin (aliases);
create index on biomarker_dictionary (category);

create table blood_panels (
    panel_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    lab_name text,
    lab_provider text,
    panel_name text,
    collected_at timestamptz,
    reported_at timestamptz,
    fasting boolean,
    specimen_id text,
    document_id uuid references documents,
    notes text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);
create index on blood_panels (user_id, collected_at desc);

create table blood_markers (
    marker_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    panel_id uuid not null references blood_panels,
    biomarker_id uuid references biomarker_dictionary,
    raw_name text not null,
    sub_panel text,
    -- numeric(12,4) refuses infinity by itself. That the unit is one of the dictionary's
    -- common_units needs a look into another table and stays with the application.
    value_numeric numeric(12,4) check (value_numeric <> 'NaN'),
    value_text text,
    unit text,
    value_canonical numeric(12,4) check (value_canonical <> 'NaN'),
    ref_range_low numeric(12,4),
    ref_range_high numeric(12,4),
    ref_range_text text,
    flag text check (flag in ('H', 'L', 'HH', 'LL', 'ABNORMAL')),
    in_range boolean generated always as (
        case when ref_range_low is not null or ref_range_high is not null
             then (ref_range_low is null or value_numeric >= ref_range_low)
              and (ref_range_high is null or value_numeric <= ref_range_high)
        end) stored,
    optimal_low numeric(12,4),
    optimal_high numeric(12,4),
    lab_code text,
    parse_confidence numeric(3,2) check (parse_confidence between 0 and 1),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index on blood_markers (user_id, biomarker_id, panel_id);
create index on blood_markers (user_id, biomarker_id);
-- Choice: the document wants markers by (user_id, collected_at), a column that markers do not have,
-- and says itself "index on panel collected_at": that is blood_panels (user_id, collected_at desc)
-- above.


-- Body composition --------------------------------------------------------------------------------

create table dexa_scans (
    scan_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    provider text,
    scan_date date not null,
    age_at_scan numeric(4,1),
    height_in numeric(5,2),
    weight_lbs numeric(6,2),
    total_mass_lbs numeric(6,2),
    total_fat_lbs numeric(6,2),
    total_lean_lbs numeric(6,2),
    total_bmc_lbs numeric(6,2),
    total_body_fat_pct numeric(4,1),
    visceral_fat_lbs numeric(6,3),
    visceral_fat_in3 numeric(7,2),
    android_gynoid_ratio numeric(4,2),
    document_id uuid references documents,
    notes text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);
create index on dexa_scans (user_id, scan_date desc);

create table dexa_regions (
    region_id uuid primary key default gen_random_uuid(),
    scan_id uuid not null references dexa_scans,
    user_id uuid not null references users,
    region dexa_region not null,
    body_fat_pct numeric(4,1) check (body_fat_pct between 1 and 80),
    fat_lbs numeric(6,2),
    lean_lbs numeric(6,2),
    bmc_lbs numeric(5,3),
    total_mass_lbs numeric(6,2),
    unique (scan_id, region)
);
create index on dexa_regions (user_id, scan_id);

create table dexa_bone_density (
    density_id uuid primary key default gen_random_uuid(),
    scan_id uuid not null references dexa_scans,
    user_id uuid not null references users,
    region bone_density_region not null,
    bmd_g_cm2 numeric(6,3),
    t_score numeric(4,1),
    z_score numeric(4,1),
    unique (scan_id, region)
);


-- Epigenetics -------------------------------------------------------------------------------------

create table epigenetic_tests (
    test_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    provider text,
    kit_id text,
    collected_at date,
    reported_at date,
    chronological_age numeric(4,1),
    biological_age numeric(4,1),
    pace_score numeric(4,2) check (pace_score between 0.2 and 3.0),
    pace_percentile numeric(5,2),
    telomere_length numeric(6,3),
    methylation_clock text,
    document_id uuid references documents,
    raw_data jsonb,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);
create index on epigenetic_tests (user_id, collected_at desc);

create table epigenetic_organ_ages (
    organ_age_id uuid primary key default gen_random_uuid(),
    test_id uuid not null references epigenetic_tests,
    user_id uuid not null references users,
    organ_system organ_system not null,
    biological_age numeric(4,1),
    chronological_age numeric(4,1),
    delta_years numeric(4,1) generated always as (biological_age - chronological_age) stored,
    direction text generated always as (
        case sign(biological_age - chronological_age) when -1 then 'younger' when 1 then 'older' when 0 then 'same' end
        ) stored,
    unique (test_id, organ_system)
);


-- Lifting -----------------------------------------------------------------------------------------

create table exercise_dictionary (
    exercise_id uuid primary key default gen_random_uuid(),
    canonical_name text not null unique,
    display_name text not null,
    aliases text[],
    primary_muscle text,
    secondary_muscles text[],
    equipment text,
    category text check (category in ('compound', 'isolation', 'cardio')),
    created_at timestamptz not null default now()
);

create table lifting_sessions (
    session_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    session_date date not null,
    source data_source,
    source_session_id text,
    name text,
    duration_seconds integer,
    notes text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);
create index on lifting_sessions (user_id, session_date desc);

create table lifting_sets (
    set_id uuid primary key default gen_random_uuid(),
    session_id uuid not null references lifting_sessions,
    user_id uuid not null references users,
    exercise_id uuid references exercise_dictionary,
    set_number smallint,
    exercise_order smallint,
    weight_lbs numeric(6,2) check (weight_lbs between 0 and 2000),
    reps smallint check (reps between 1 and 999),
    rpe numeric(3,1) check (rpe between 0 and 10),
    is_warmup boolean not null default false,
    notes text,
    created_at timestamptz not null default now()
);
create index on lifting_sets (user_id, session_id);
create index on lifting_sets (exercise_id, user_id);


-- Manual tracking ---------------------------------------------------------------------------------

create table measurements (
    measurement_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    metric measurement_metric not null,
    value numeric(10,3) not null,
    unit text not null,
    measured_at timestamptz not null,
    source data_source,
    notes text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    -- "20 to 1000 lbs", whichever unit the person weighs in.
    constraint measurements_weight check (
        metric <> 'weight' or value * case unit when 'kg' then 2.20462 else 1 end between 20 and 1000)
);
create index on measurements (user_id, metric, measured_at desc);

create table custom_metrics (
    metric_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    name text not null,
    unit text,
    data_type text not null default 'numeric' check (data_type in ('numeric', 'boolean', 'text', 'scale_1_5')),
    min_value numeric,
    max_value numeric,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    unique (user_id, name)
);

create table custom_metric_entries (
    entry_id uuid primary key default gen_random_uuid(),
    metric_id uuid not null references custom_metrics,
    user_id uuid not null references users,
    value_numeric numeric,
    value_text text,
    measured_at timestamptz not null,
    notes text,
    created_at timestamptz not null default now()
);
create index on custom_metric_entries (user_id, metric_id, measured_at desc);

create table supplements (
    supplement_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    name text not null,
    brand text,
    dose_amount numeric(8,3),
    dose_unit text,
    frequency text,
    timing text,
    started_at date,
    ended_at date,
    purpose text,
    notes text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);
create index on supplements (user_id, started_at desc);
create index on supplements (user_id) where ended_at is null;

create table supplement_logs (
    log_id uuid primary key default gen_random_uuid(),
    supplement_id uuid not null references supplements,
    user_id uuid not null references users,
    taken_at timestamptz not null,
    dose_amount numeric(8,3),
    dose_unit text,
    notes text,
    created_at timestamptz not null default now()
);
create index on supplement_logs (user_id, taken_at desc);
create index on supplement_logs (supplement_id, taken_at);

create table nutrition_logs (
    nutrition_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    log_date date not null,
    meal_type text check (meal_type in ('breakfast', 'lunch', 'dinner', 'snack', 'fast')),
    calories_kcal smallint,
    protein_g numeric(6,2),
    carbs_g numeric(6,2),
    fat_g numeric(6,2),
    fiber_g numeric(6,2),
    source data_source,
    raw_data jsonb,
    created_at timestamptz not null default now(),
    deleted_at timestamptz
);
create index on nutrition_logs (user_id, log_date desc);

create table mood_journal (
    journal_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    journal_date date not null,
    mood_score smallint check (mood_score between 1 and 5),
    energy_score smallint check (energy_score between 1 and 5),
    stress_score smallint check (stress_score between 1 and 5),
    notes text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (user_id, journal_date)
);

create table menstrual_cycles (
    cycle_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    cycle_date date not null,
    phase menstrual_phase,
    flow_intensity smallint check (flow_intensity between 0 and 4),
    symptoms text[],
    notes text,
    created_at timestamptz not null default now(),
    unique (user_id, cycle_date)
);
create index on menstrual_cycles (user_id, cycle_date desc);

create table doctor_visits (
    visit_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    visit_date date not null,
    provider_name text,
    specialty text,
    notes text,
    follow_up_date date,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);

create table doctor_visit_panels (
    visit_id uuid not null references doctor_visits,
    panel_id uuid not null references blood_panels,
    primary key (visit_id, panel_id)
);

create table photos (
    photo_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    photo_date date not null,
    photo_type text check (photo_type in ('front', 'back', 'left', 'right', 'other')),
    s3_key text not null,
    s3_thumbnail_key text,
    file_size_bytes integer,
    linked_scan_id uuid references dexa_scans,
    notes text,
    created_at timestamptz not null default now(),
    deleted_at timestamptz
);
create index on photos (user_id, photo_date desc);


-- Goals and insights ------------------------------------------------------------------------------

create table goals (
    goal_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    metric_type text check (metric_type in ('blood_marker', 'measurement', 'wearable', 'custom')),
    biomarker_id uuid references biomarker_dictionary,
    metric_name text,
    target_value numeric(12,4),
    target_unit text,
    direction goal_direction,
    alert_threshold_low numeric(12,4),
    alert_threshold_high numeric(12,4),
    alert_enabled boolean not null default true,
    notes text,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index on goals (user_id) where is_active;

create table goal_alerts (
    alert_id uuid primary key default gen_random_uuid(),
    goal_id uuid not null references goals,
    user_id uuid not null references users,
    triggered_at timestamptz not null,
    trigger_value numeric(12,4),
    message text,
    acknowledged_at timestamptz
);

create table insights (
    insight_id uuid primary key default gen_random_uuid(),
    -- Choice: section 10 says that insights retain "no user_id link after processing", and lists
    -- them among the tables a person is deleted from. They are read per user, so the link stays and
    -- they are deleted.
    user_id uuid not null references users,
    insight_type insight_type not null,
    title text not null,
    body text not null,
    metric_a text,
    metric_b text,
    correlation_r numeric(4,3) check (correlation_r between -1 and 1),
    p_value numeric(8,6) check (p_value between 0 and 1),
    data_points integer,
    valid_from date,
    valid_until date,
    is_dismissed boolean not null default false,
    dismissed_at timestamptz,
    created_at timestamptz not null default now()
);
create index on insights (user_id, insight_type, created_at desc);
create index on insights (user_id, created_at desc) where not is_dismissed;


-- Operations --------------------------------------------------------------------------------------

create table ingestion_jobs (
    job_id uuid primary key default gen_random_uuid(),
    user_id uuid references users,
    source data_source,
    job_type job_type not null,
    status job_status not null default 'queued',
    priority smallint not null default 5 check (priority between 1 and 10),
    payload jsonb,
    result jsonb,
    error_message text,
    attempts smallint not null default 0,
    max_attempts smallint not null default 3,
    queued_at timestamptz not null default now(),
    started_at timestamptz,
    completed_at timestamptz,
    next_retry_at timestamptz
);
-- Choice: section 2.10 has this index over all rows, section 9 over the waiting ones only. Finished
-- jobs are most of the table and nobody polls for them.
create index on ingestion_jobs (status, next_retry_at) where status in ('queued', 'failed');
create index on ingestion_jobs (user_id, job_type, queued_at desc);

-- No foreign keys: the log outlives what it speaks about.
-- Choice: audit_id alone cannot be the primary key of a table partitioned by created_at.
create table audit_log (
    audit_id uuid not null default gen_random_uuid(),
    user_id uuid,
    action_by uuid,
    table_name text not null,
    record_id uuid not null,
    action audit_action not null,
    old_values jsonb,
    new_values jsonb,
    ip_address inet,
    user_agent text,
    request_id uuid,
    created_at timestamptz not null default now(),
    primary key (audit_id, created_at)
) partition by range (created_at);
create index on audit_log (user_id, created_at desc);
create index on audit_log (table_name, record_id);
create index on audit_log (action_by, created_at desc);

create table deletion_requests (
    request_id uuid primary key default gen_random_uuid(),
    -- Choice: the request is kept for ever with status 'completed', the user it points to is not.
    -- So the column may be null; whoever erases clears it, as for every foreign key here nothing
    -- happens by cascade.
    user_id uuid references users,
    requested_at timestamptz not null default now(),
    -- Through UTC, because timestamptz + interval depends on the session's time zone and cannot be
    -- stored.
    grace_period_ends_at timestamptz not null
        generated always as ((requested_at at time zone 'UTC' + interval '30 days') at time zone 'UTC') stored,
    status text not null default 'pending' check (status in ('pending', 'processing', 'completed', 'canceled')),
    completed_at timestamptz,
    tables_deleted text[]
);

create table data_export_requests (
    export_id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    requested_at timestamptz not null default now(),
    status text not null default 'queued'
        check (status in ('queued', 'processing', 'ready', 'downloaded', 'expired')),
    format text not null default 'json' check (format in ('json', 'csv')),
    s3_key text,
    expires_at timestamptz,
    completed_at timestamptz,
    file_size_bytes bigint
);


-- Row-level security ------------------------------------------------------------------------------

-- Choice: section 3 casts current_setting('app.current_user_id') directly. That raises an error
-- where the setting was never made and, behind a pooler, where a finished SET LOCAL left an empty
-- string; here both mean "nobody".
create function current_app_user() returns uuid
    language sql stable parallel safe
    return nullif(current_setting('app.current_user_id', true), '')::uuid;

do $$
declare
    guarded text;
begin
    foreach guarded in array array[
        'users', 'oauth_identities', 'user_preferences', 'connected_devices', 'wearable_daily', 'wearable_sleep',
        'wearable_activities', 'documents', 'blood_panels', 'blood_markers', 'dexa_scans', 'dexa_regions',
        'dexa_bone_density', 'epigenetic_tests', 'epigenetic_organ_ages', 'lifting_sessions', 'lifting_sets',
        'measurements', 'custom_metrics', 'custom_metric_entries', 'supplements', 'supplement_logs', 'nutrition_logs',
        'mood_journal', 'menstrual_cycles', 'doctor_visits', 'photos', 'goals', 'goal_alerts', 'insights',
        'ingestion_jobs', 'deletion_requests', 'data_export_requests']
    loop
        execute format('alter table %I enable row level security', guarded);
        execute format('create policy user_isolation on %I using (user_id = (select current_app_user()))', guarded);
    end loop;
end
$$;

-- Sign-up and log-in come before there is a current user; the document does not say how the API
-- does them.
alter table accounts enable row level security;
create policy account_isolation on accounts
    using (account_id = (select account_id from users where user_id = current_app_user()));

alter table doctor_visit_panels enable row level security;
create policy user_isolation on doctor_visit_panels
    using (exists (select from doctor_visits
                    where visit_id = doctor_visit_panels.visit_id and user_id = current_app_user()))
    with check (exists (select from doctor_visits
                         where visit_id = doctor_visit_panels.visit_id and user_id = current_app_user())
            and exists (select from blood_panels
                         where panel_id = doctor_visit_panels.panel_id and user_id = current_app_user()));

-- The log is read by the person it is about. Data changes reach it through the trigger only; what
-- the API writes itself are the three security events.
alter table audit_log enable row level security;
create policy user_isolation on audit_log for select using (user_id = (select current_app_user()));
create policy security_events on audit_log for insert
    with check (user_id = (select current_app_user()) and action in ('LOGIN', 'LOGOUT', 'EXPORT'));

-- "Cross-user job management".
create policy job_management on ingestion_jobs to vitalis_worker using (true);


-- Grants ------------------------------------------------------------------------------------------

grant select on all tables in schema public to vitalis_api, vitalis_worker, vitalis_admin, vitalis_readonly;
grant insert, update, delete on all tables in schema public to vitalis_api, vitalis_worker, vitalis_admin;
revoke insert, update, delete on biomarker_dictionary, exercise_dictionary from vitalis_api, vitalis_worker;
-- Choice: the roles may "UPDATE/DELETE" their own rows, and the audit log is immutable. The log
-- wins.
revoke update, delete on audit_log from vitalis_api, vitalis_worker, vitalis_admin;


-- Audit -------------------------------------------------------------------------------------------

-- The first argument of the trigger names the column for record_id, the second the table where that
-- is not the one the trigger fires on: rows of a partitioned table fire it on their partition.
--
-- Settings that change how a value is written as JSON are pinned, so that the same row is always
-- the same text.
create function audit_trigger_fn() returns trigger
    language plpgsql
    security definer
    set search_path = pg_catalog, public, pg_temp
    set timezone = 'UTC'
    set extra_float_digits = 1
    set intervalstyle = 'iso_8601'
    set bytea_output = 'hex'
as $$
declare
    row_before jsonb;
    row_after jsonb;
    changed text[];
    before jsonb;
    after jsonb;
    run text;
begin
    if tg_op <> 'INSERT' then
        row_before := to_jsonb(old);
    end if;
    if tg_op <> 'DELETE' then
        row_after := to_jsonb(new);
    end if;
    before := row_before;
    after := row_after;

    if tg_op = 'UPDATE' then
        select array_agg(old_pair.key order by old_pair.key),
               jsonb_object_agg(old_pair.key, old_pair.value),
               jsonb_object_agg(old_pair.key, new_pair.value)
          into changed, before, after
          from jsonb_each(row_before) as old_pair
          join jsonb_each(row_after) as new_pair on new_pair.key = old_pair.key
         where new_pair.value <> old_pair.value;
        if changed is null or changed = array['updated_at'] then
            return null;
        end if;
    end if;

    -- Lifecycle removes values because their time is over or their person asked for it. To copy
    -- them into the log at that very moment would undo the removal, in a table from which nothing
    -- is ever deleted. So the log says that the row was changed, when, by which run and in which
    -- columns, but not what was in them. session_user cannot be borrowed by SET ROLE, so the
    -- application cannot hide its own changes like this.
    run := nullif(current_setting('lifecycle.run', true), '');
    if session_user = 'lifecycle' and run is not null then
        before := null;
        after := jsonb_build_object('lifecycle_run', run);
        if tg_op = 'UPDATE' then
            after := after || jsonb_build_object('cleared', array_remove(changed, 'updated_at'));
        end if;
    end if;

    insert into public.audit_log
           (user_id, action_by, table_name, record_id, action, old_values, new_values,
            ip_address, user_agent, request_id)
    values ((coalesce(row_after, row_before) ->> 'user_id')::uuid,
            nullif(current_setting('app.current_user_id', true), '')::uuid,
            coalesce(tg_argv[1], tg_table_name),
            (coalesce(row_after, row_before) ->> tg_argv[0])::uuid,
            tg_op::public.audit_action,
            before,
            after,
            nullif(current_setting('app.ip_address', true), '')::inet,
            nullif(current_setting('app.user_agent', true), ''),
            nullif(current_setting('app.request_id', true), '')::uuid);
    return null;
end
$$;

-- Every table with a person's data but two: ingestion_jobs is a queue whose every poll would be
-- logged, and the log does not log itself.
do $$
declare
    audited record;
begin
    for audited in
        select *
          from (values ('accounts', 'account_id'), ('users', 'user_id'), ('oauth_identities', 'identity_id'),
                       ('user_preferences', 'user_id'), ('connected_devices', 'device_id'),
                       ('wearable_daily', 'daily_id'), ('wearable_sleep', 'sleep_id'),
                       ('wearable_activities', 'activity_id'), ('documents', 'document_id'),
                       ('blood_panels', 'panel_id'), ('blood_markers', 'marker_id'), ('dexa_scans', 'scan_id'),
                       ('dexa_regions', 'region_id'), ('dexa_bone_density', 'density_id'),
                       ('epigenetic_tests', 'test_id'), ('epigenetic_organ_ages', 'organ_age_id'),
                       ('lifting_sessions', 'session_id'), ('lifting_sets', 'set_id'),
                       ('measurements', 'measurement_id'), ('custom_metrics', 'metric_id'),
                       ('custom_metric_entries', 'entry_id'), ('supplements', 'supplement_id'),
                       ('supplement_logs', 'log_id'), ('nutrition_logs', 'nutrition_id'),
                       ('mood_journal', 'journal_id'), ('menstrual_cycles', 'cycle_id'), ('doctor_visits', 'visit_id'),
                       ('doctor_visit_panels', 'visit_id'), ('photos', 'photo_id'), ('goals', 'goal_id'),
                       ('goal_alerts', 'alert_id'), ('insights', 'insight_id'), ('deletion_requests', 'request_id'),
                       ('data_export_requests', 'export_id')) as given (name, id_column)
    loop
        execute format(
            'create trigger audit after insert or update or delete on %I for each row '
            'execute function audit_trigger_fn(%L, %L)', audited.name, audited.id_column, audited.name);
    end loop;
end
$$;

reset role;
