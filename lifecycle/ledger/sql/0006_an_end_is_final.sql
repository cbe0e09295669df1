-- A run goes its way once, and how each attempt at it ended is written by the database itself: whoever has the service's
-- password can begin a run and end it, as the service can, and makes of no failure a pass. The owner of the ledger and a
-- superuser are let through: they could drop the trigger as well.

create function lifecycle.keep_to_its_way() returns trigger language plpgsql
    set search_path = pg_catalog, pg_temp as $$
declare
    may boolean;
begin
    if pg_has_role(current_user, 'lifecycle_owner', 'member') then
        return new;
    elsif tg_op = 'INSERT' then
        may := new.state in ('queued', 'missed') and new.attempt = 0 and new.started_at is null;
    elsif (new.id, new.system, new.job, new.scheduled_for, new.queued_at, new.plan)
            is distinct from (old.id, old.system, old.job, old.scheduled_for, old.queued_at, old.plan) then
        may := false;
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
    end if;
    if not may then
        raise exception 'run % of % stays as it is', new.id, new.job using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;

create function lifecycle.write_attempt() returns trigger language plpgsql
    security definer set search_path = pg_catalog, pg_temp as $$
begin
    if old.state = 'running' then
        insert into lifecycle.attempt (run_id, attempt, started_at, holder, how, verdict, error_code, summary,
                                       failures, counts)
        values (new.id, new.attempt, new.started_at, old.holder,
                case new.state when 'queued' then 'queued again' else new.state end, new.verdict, new.error_code,
                new.summary, new.failures, new.counts);
    else
        insert into lifecycle.attempt (run_id, attempt, how, summary, counts)
        values (new.id, new.attempt, 'resumed', new.summary || '; it was: ' || coalesce(old.verdict, old.state)
                || coalesce(', ' || old.summary, ''), old.counts);
    end if;
    return null;
end $$;

create trigger run_keeps_to_its_way before insert or update on lifecycle.run
    for each row execute function lifecycle.keep_to_its_way();
create trigger run_writes_its_attempts after update on lifecycle.run
    for each row when (old.state = 'running' and new.state <> 'running' or new.state = 'queued' and old.state <> 'queued')
    execute function lifecycle.write_attempt();

revoke all on function lifecycle.write_attempt() from public;
revoke insert on lifecycle.attempt from lifecycle;
