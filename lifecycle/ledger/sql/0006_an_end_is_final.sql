-- What was said stays said. A run goes its way once, by the database's clock, and the database itself writes how each
-- attempt at it ended; of schedules and pauses only their end is added, and of alerts how they were delivered. Whoever has
-- the service's password can begin a run and end it, as the service can, and makes of no failure a pass. The owner of the
-- ledger and a superuser are let through: they could drop the triggers as well.

create function lifecycle.keep_to_its_way() returns trigger language plpgsql
    set search_path = pg_catalog, pg_temp as $$
declare
    may boolean;
begin
    if pg_has_role(current_user, 'lifecycle_owner', 'member') then
        return new;
    elsif tg_op = 'INSERT' then
        may := new.state in ('queued', 'missed') and new.attempt = 0;
        new.finished_at := case when new.state = 'missed' then clock_timestamp() end;
    else
        may := case old.state
            when 'queued' then new.state = 'running' and new.attempt = old.attempt + 1
                               or new.state in ('missed', 'cancelled') and new.attempt = old.attempt
            when 'running' then new.attempt = old.attempt
                                and (new.state in ('finished', 'queued', 'lost', 'cancelled')
                                     or new.state = 'running' and new.holder = old.holder)
            -- Only what a person may resume, and as that: see `runs resume`.
            else new.state = 'queued' and new.attempt = old.attempt and new.asked_by = 'person'
                 and (old.state <> 'finished' or old.verdict = 'fail')
            end;
        new.started_at := case
            when new.state = 'running' and new.started_at is distinct from old.started_at then clock_timestamp()
            when old.state in ('queued', 'running') then old.started_at end;
        new.finished_at := case when new.state not in ('queued', 'running') then clock_timestamp() end;
    end if;
    if not may then
        raise exception 'run % of % stays as it is', new.id, new.job using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;

create function lifecycle.write_attempt() returns trigger language plpgsql
    security definer set search_path = pg_catalog, pg_temp as $$
begin
    if old.state = 'running' and new.state <> 'running' then
        insert into lifecycle.attempt (run_id, attempt, started_at, holder, how, verdict, error_code, summary,
                                       failures, counts)
        values (new.id, new.attempt, new.started_at, old.holder,
                case new.state when 'queued' then 'queued again' else new.state end, new.verdict, new.error_code,
                new.summary, new.failures, new.counts);
    elsif new.state = 'queued' and old.state <> 'queued' then
        insert into lifecycle.attempt (run_id, attempt, how, summary, counts)
        values (new.id, new.attempt, 'resumed', coalesce(new.summary, 'it was queued again') || '; it was: '
                || coalesce(old.verdict, old.state) || coalesce(', ' || old.summary, ''), old.counts);
    end if;
    return null;
end $$;

create trigger run_keeps_to_its_way before insert or update on lifecycle.run
    for each row execute function lifecycle.keep_to_its_way();
create trigger run_writes_its_attempts after update on lifecycle.run
    for each row execute function lifecycle.write_attempt();

-- A schedule and a pause end once. When a line was written is the database's to say: `since` is a daemon's or a person's.
alter table lifecycle.generation add column said_at timestamptz not null default clock_timestamp();
alter table lifecycle.pause add column said_at timestamptz not null default clock_timestamp();
update lifecycle.generation set said_at = since;
update lifecycle.pause set said_at = since;

create function lifecycle.end_once() returns trigger language plpgsql
    set search_path = pg_catalog, pg_temp as $$
begin
    if old.until is not null and not pg_has_role(current_user, 'lifecycle_owner', 'member') then
        raise exception 'a % that has ended stays as it is', tg_table_name using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
create trigger generation_ends_once before update on lifecycle.generation
    for each row execute function lifecycle.end_once();
create trigger pause_ends_once before update on lifecycle.pause
    for each row execute function lifecycle.end_once();

-- A lock that only the owner of the ledger and the service can take: anybody may take an advisory one, and keep it.
create or replace function lifecycle.make_months(ahead integer) returns integer language plpgsql
    security definer set search_path = pg_catalog, pg_temp as $$
declare
    this_month constant timestamp := date_trunc('month', clock_timestamp() at time zone 'UTC');
    lower timestamp;
    parent text;
    child text;
    reader record;
    made integer := 0;
begin
    if ahead > 12 then
        raise exception 'months are made for a year ahead, and not for %', ahead using errcode = 'invalid_parameter_value';
    end if;
    if to_regclass('lifecycle.attempt_' || to_char(this_month + make_interval(months => ahead), 'YYYY_MM')) is not null
    then
        return 0;
    end if;
    lock table lifecycle.migration in share update exclusive mode;   -- several daemons may come at once
    for step in 0..ahead loop
        lower := this_month + make_interval(months => step);
        foreach parent in array array['evidence', 'attempt'] loop
            child := parent || '_' || to_char(lower, 'YYYY_MM');
            continue when to_regclass('lifecycle.' || child) is not null;
            execute format('create table lifecycle.%I (like lifecycle.%I including defaults including constraints '
                           'including generated including indexes including storage)', child, parent);
            execute format('alter table lifecycle.%I attach partition lifecycle.%I for values from (%L) to (%L)',
                           parent, child, lower || '+00', lower + interval '1 month' || '+00');
            execute format('create trigger %I before truncate on lifecycle.%I for each statement '
                           'execute function lifecycle.refuse_change()', parent || '_is_not_truncated', child);
            for reader in select grantee::regrole as role from pg_class, aclexplode(relacl)
                           where oid = format('lifecycle.%I', parent)::regclass and privilege_type = 'SELECT'
                             and grantee not in (0, relowner) loop
                execute format('grant select on lifecycle.%I to %s', child, reader.role);
            end loop;
            made := made + 1;
        end loop;
    end loop;
    return made;
end $$;

revoke all on function lifecycle.write_attempt() from public;
revoke insert on lifecycle.attempt from lifecycle;
revoke insert, update on lifecycle.run, lifecycle.alert, lifecycle.generation, lifecycle.pause from lifecycle;
grant insert (system, job, scheduled_for, state, asked_by, plan, summary, counts),
      update (state, verdict, asked_by, attempt, holder, lease, not_before, started_at, deadline_at, finished_at,
              error_code, summary, failures, counts, coverage) on lifecycle.run to lifecycle;
grant insert (system, job, run_id, kind, message), update (delivered_at, attempts, not_before)
    on lifecycle.alert to lifecycle;
grant insert (system, policy, version, timezone, jobs, since, lives_until), update (until, lives_until)
    on lifecycle.generation to lifecycle;
grant insert (system, job, since, reason), update (until) on lifecycle.pause to lifecycle;
