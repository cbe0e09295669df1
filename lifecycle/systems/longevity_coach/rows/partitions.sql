-- Partitions as the application's migrations leave them: one for all that is older than a year, one
-- for each month since, none ahead.

set local role longevity_owner;

do $$
declare
    month timestamptz;
begin
    execute format('create table biomarkers_before partition of biomarkers for values from (minvalue) to (%L)',
                   date_trunc('month', pg_temp.clock() - interval '1 year'));
    for month in
        select generate_series(date_trunc('month', pg_temp.clock() - interval '1 year'), pg_temp.clock(), interval '1 month')
    loop
        execute format('create table %I partition of biomarkers for values from (%L) to (%L)',
                       to_char(month, '"biomarkers_"YYYY_MM'), month, month + interval '1 month');
    end loop;
end
$$;

do $$
declare
    child name;
begin
    -- Without a policy and without grants: reached through its parent, or not at all.
    for child in select inhrelid::regclass::name from pg_inherits where inhparent = 'biomarkers'::regclass loop
        execute format('alter table %I enable row level security', child);
    end loop;
end
$$;

reset role;
