-- Partitions as the application leaves them: metrics by month for a year and a half, archives for the
-- years before; none ahead.

set local role kgc_owner;

do $$
declare
    begins timestamptz;
begin
    for begins in
        select generate_series(date_trunc('month', pg_temp.clock() - interval '17 months'), pg_temp.clock(), interval '1 month')
    loop
        execute format('create table %I partition of health_metrics for values from (%L) to (%L)',
                       to_char(begins, '"health_metrics_"YYYY_MM'), begins, begins + interval '1 month');
        -- Without a policy and without grants: reached through its parent, or not at all.
        execute format('alter table %I enable row level security', to_char(begins, '"health_metrics_"YYYY_MM'));
    end loop;
    for begins in
        select generate_series(date_trunc('year', pg_temp.clock() - interval '4 years'), pg_temp.clock(), interval '1 year')
    loop
        execute format('create table %I partition of health_metrics_archive for values from (%L) to (%L)',
                       to_char(begins, '"health_metrics_archive_"YYYY'), begins, begins + interval '1 year');
    end loop;
end
$$;

reset role;
