-- How long a month stays is the policy's word, as an administrator's `lifecycle init` wrote it down: whoever speaks as the
-- service can record an export that never was, and still lets nothing go before its time.
create table lifecycle.kept_for (
    only_one  boolean primary key default true check (only_one),
    keep      text not null                      -- `records: {keep: ...}` of the policy: '6 years'
);
grant select on lifecycle.kept_for to lifecycle;

create or replace function lifecycle.drop_month(first date, run bigint) returns bigint language plpgsql
    security definer set search_path = pg_catalog, pg_temp set lock_timeout = '250ms' as $$
declare
    lower constant timestamptz := date_trunc('month', first::timestamp) at time zone 'UTC';
    upper constant timestamptz := (date_trunc('month', first::timestamp) + interval '1 month') at time zone 'UTC';
    name constant text := to_char(first, 'YYYY_MM');
    kept constant text := (select k.keep from lifecycle.kept_for k);
    written jsonb;
    child text;
    lines bigint;
    attempts bigint;
    alerts bigint;
    gone bigint;
begin
    if upper > clock_timestamp() - interval '1 year' then
        raise exception 'the ledger of % is not a year old', name using errcode = 'insufficient_privilege';
    end if;
    if kept is null or (upper at time zone 'UTC' + kept::interval) at time zone 'UTC' > clock_timestamp() then
        raise exception 'the ledger of % is kept for %', name, coalesce(kept, 'as long as nobody says how long')
            using errcode = 'insufficient_privilege', hint = 'Has the policy changed? Run `lifecycle init` again.';
    end if;
    select e.counts into written from lifecycle.evidence e
     where e.run_id = run and e.event = 'records.exported' and e.kind = 'outcome'
       and e.target = to_char(first, 'YYYY-MM') and e.at > clock_timestamp() - interval '1 day'
     order by e.id desc limit 1;
    if written is null then
        raise exception 'the ledger of % was not written down elsewhere', name using errcode = 'insufficient_privilege';
    end if;
    foreach child in array array['evidence_' || name, 'attempt_' || name] loop   -- nothing is added while we count
        if to_regclass(format('lifecycle.%I', child)) is not null then
            execute format('lock table lifecycle.%I in share mode', child);
        end if;
    end loop;
    select count(*) into lines from lifecycle.evidence where at >= lower and at < upper;
    select count(*) into attempts from lifecycle.attempt where at >= lower and at < upper;
    delete from lifecycle.alert where created_at >= lower and created_at < upper;
    get diagnostics alerts = row_count;
    delete from lifecycle.run where finished_at >= lower and finished_at < upper;
    get diagnostics gone = row_count;
    if not written @> jsonb_build_object('runs', gone, 'attempts', attempts, 'evidence', lines, 'alerts', alerts) then
        raise exception 'the ledger of % is not what was written down', name
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    -- Last, as it locks the whole table against everybody until the transaction ends.
    execute format('drop table if exists lifecycle.%I, lifecycle.%I', 'evidence_' || name, 'attempt_' || name);
    return gone;
end $$;
