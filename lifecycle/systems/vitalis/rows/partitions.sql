-- Partitions as an application's migrations leave them: for the years and quarters that have begun,
-- none ahead.

set local role vitalis_owner;

do $$
declare
    year int;
    parent text;
    child text;
begin
    for year in extract(year from pg_temp.clock() - interval '3 years') .. extract(year from pg_temp.clock()) loop
        foreach parent in array array['wearable_daily', 'wearable_sleep', 'wearable_activities'] loop
            child := parent || '_' || year;
            execute format('create table %I partition of %I for values from (%L) to (%L)',
                           child, parent, make_date(year, 1, 1), make_date(year + 1, 1, 1));
            -- Without a policy and without grants: reached through its parent, or not at all.
            execute format('alter table %I enable row level security', child);
        end loop;
    end loop;
end
$$;

do $$
declare
    quarter timestamptz;
    child text;
begin
    -- The audit trigger dates its rows by the server's clock. Where the sample is made for another
    -- time than the server's, that quarter is needed as well.
    for quarter in
        select begins
          from generate_series(date_trunc('quarter', pg_temp.clock() - interval '2 years'), pg_temp.clock(),
                               interval '3 months') as begins
         union
        select date_trunc('quarter', now())
         order by 1
    loop
        child := to_char(quarter, '"audit_log_"YYYY"q"Q');
        execute format('create table %I partition of audit_log for values from (%L) to (%L)',
                       child, quarter, quarter + interval '3 months');
        execute format('alter table %I enable row level security', child);
    end loop;
end
$$;

reset role;
