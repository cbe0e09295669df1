-- What people measured of themselves or had measured. k counts the rows of one person; the newest
-- is k = 1.

create temp table panel on commit drop as
select person.*, k, pg_temp.uid('panel', n, k) as panel_id,
       greatest(joined, pg_temp.clock() - k * interval '150 days') + interval '1 hour' as taken
  from person, generate_series(1, 2) as k;

insert into blood_panels (panel_id, user_id, lab_name, lab_provider, panel_name, collected_at, reported_at, fasting,
                          specimen_id, document_id, notes, created_at, updated_at)
select panel_id, user_id, 'Quest', 'Dr. ' || initcap(tag), 'Comprehensive Metabolic Panel', taken,
       taken + interval '1 day', n % 2 = 0, 'specimen-' || k || '-' || tag,
       case when k = 1 then pg_temp.uid('document', n, 1) end, 'panel ' || k || ' of ' || tag,
       taken, taken
  from panel;

insert into blood_markers (marker_id, user_id, panel_id, biomarker_id, raw_name, sub_panel, value_numeric, unit,
                           value_canonical, ref_range_low, ref_range_high, ref_range_text, flag, lab_code,
                           parse_confidence, created_at, updated_at)
select pg_temp.uid('marker', n * 10 + k, sort_order), user_id, panel_id, biomarker_id, display_name, subcategory,
       value, canonical_unit, value, normal_low, normal_high, normal_low || ' - ' || normal_high,
       case when value > normal_high then 'H' when value < normal_low then 'L' end, 'lab-' || tag, 0.97, taken, taken
  from panel
  join biomarker_dictionary on (sort_order + n) % 8 = 0 and not is_qualitative,
       lateral (select round((normal_low + (normal_high - normal_low)
                              * (1.3 * pg_temp.chance('marker', n * 10 + k, sort_order) - 0.15))::numeric, 2)
                       as value) as measured;

insert into blood_markers (marker_id, user_id, panel_id, raw_name, value_text, created_at, updated_at)
select pg_temp.uid('marker', n * 10 + k, 999), user_id, panel_id, 'COMMENT', 'repeat with ' || tag, taken, taken
  from panel
 where k = 1;

create temp table scan on commit drop as
select person.*, k, pg_temp.uid('scan', n, k) as scan_id,
       greatest(joined, pg_temp.clock() - k * interval '200 days') + interval '2 hours' as taken
  from person, generate_series(1, 2) as k
 where lead or n % 3 = 0;

insert into dexa_scans (scan_id, user_id, provider, scan_date, age_at_scan, height_in, weight_lbs, total_mass_lbs,
                        total_fat_lbs, total_lean_lbs, total_bmc_lbs, total_body_fat_pct, visceral_fat_lbs,
                        document_id, notes, created_at, updated_at)
select scan_id, user_id, 'BodySpec', taken::date, 30 + n % 40, 60 + n % 15, 120 + n % 90, 121 + n % 90, 30 + n % 20,
       85 + n % 60, 6, 18 + n % 20, 0.9, case when lead and k = 1 then pg_temp.uid('document', n, 2) end,
       'scan ' || k || ' of ' || tag, taken, taken
  from scan;

insert into dexa_regions (region_id, scan_id, user_id, region, body_fat_pct, fat_lbs, lean_lbs, bmc_lbs, total_mass_lbs)
select pg_temp.uid('region' || region, n, k), scan_id, user_id, region::dexa_region,
       round((10 + 30 * pg_temp.chance('fat' || region, n, k))::numeric, 1), 8, 20, 1.5, 29.5
  from scan, unnest(array['total', 'arms', 'legs', 'trunk', 'android', 'gynoid']) as region;

insert into dexa_bone_density (density_id, scan_id, user_id, region, bmd_g_cm2, t_score, z_score)
select pg_temp.uid('density' || region, n, k), scan_id, user_id, region::bone_density_region, 1.1,
       round((3 * pg_temp.chance('bone' || region, n, k) - 2)::numeric, 1), 0.2
  from scan, unnest(array['total', 'spine', 'pelvis']) as region;

create temp table test on commit drop as
select person.*, pg_temp.uid('test', n) as test_id,
       greatest(joined, pg_temp.clock() - interval '90 days') + interval '3 hours' as taken
  from person
 where lead or n % 3 = 1;

insert into epigenetic_tests (test_id, user_id, provider, kit_id, collected_at, reported_at, chronological_age,
                              biological_age, pace_score, pace_percentile, methylation_clock, document_id, raw_data,
                              created_at, updated_at)
select test_id, user_id, 'TruDiagnostic', 'kit-' || tag, taken::date, taken::date + 20, 30 + n % 40, 28 + n % 44,
       round((0.7 + 0.6 * pg_temp.chance('pace', n))::numeric, 2), n % 100, 'dunedinpace',
       case when lead then pg_temp.uid('document', n, 3) end,
       jsonb_build_object('kit', 'kit-' || tag, 'sites', 850000), taken, taken
  from test;

insert into epigenetic_organ_ages (organ_age_id, test_id, user_id, organ_system, biological_age, chronological_age)
select pg_temp.uid('organ' || organ, n), test_id, user_id, organ,
       30 + n % 40 + round((8 * pg_temp.chance('organ' || organ, n) - 4)::numeric, 1), 30 + n % 40
  from test, unnest(enum_range(null::organ_system)) as organ;

create temp table visit on commit drop as
select person.*, k, pg_temp.uid('visit', n, k) as visit_id,
       greatest(joined, pg_temp.clock() - k * interval '150 days') + interval '4 hours' as taken
  from person, generate_series(1, 2) as k
 where lead or n % 2 = 0;

insert into doctor_visits (visit_id, user_id, visit_date, provider_name, specialty, notes, follow_up_date,
                           created_at, updated_at)
select visit_id, user_id, taken::date, 'Practice near ' || tag, 'Primary Care', 'visit ' || k || ' of ' || tag,
       taken::date + 30, taken, taken
  from visit;

insert into doctor_visit_panels (visit_id, panel_id)
select visit_id, pg_temp.uid('panel', n, k)
  from visit;
