"""Every statement the ledger says. All names are constant: only values vary."""

CLAIM_NEXT = """
    update lifecycle.run set state = 'running', holder = %(holder)s, attempt = attempt + 1,
           started_at = clock_timestamp(), deadline_at = null
     where id = (select r.id from lifecycle.run r
                  where r.system = %(system)s and r.state = 'queued' and r.not_before <= clock_timestamp()
                    and (%(jobs)s::text[] is null or r.job = any(%(jobs)s))
                    and not exists (select from lifecycle.run o
                                     where o.system = r.system and o.job = r.job and o.state = 'running')
                  order by r.scheduled_for, r.id
                  limit 1 for update skip locked)
 returning id, system, job, scheduled_for, attempt, holder
"""

CLAIM_ONE = """
    update lifecycle.run set state = 'running', holder = %(holder)s, attempt = attempt + 1,
           started_at = clock_timestamp(), deadline_at = null
     where system = %(system)s and job = %(job)s and scheduled_for = %(scheduled_for)s and state = 'queued'
 returning id, system, job, scheduled_for, attempt, holder
"""

# A process that was started for a claim takes it up: the claim was made by whoever started it.
TAKE_UP = """
    update lifecycle.run set started_at = clock_timestamp()
     where id = %(id)s and holder = %(holder)s and attempt = %(attempt)s and state = 'running'
 returning id, system, job, scheduled_for, attempt, holder
"""

SET_DEADLINE = """
    update lifecycle.run set deadline_at = clock_timestamp() + %(limit)s
     where id = %(id)s and holder = %(holder)s and attempt = %(attempt)s and state = 'running'
 returning id
"""

ENQUEUE = """
    insert into lifecycle.run (system, job, scheduled_for, asked_by)
    values (%(system)s, %(job)s, %(scheduled_for)s, %(asked_by)s)
        on conflict (system, job, scheduled_for) do nothing
 returning id
"""

STATE_OF = """
    select id, state, verdict from lifecycle.run
     where system = %(system)s and job = %(job)s and scheduled_for = %(scheduled_for)s
"""

HEARTBEAT = """
    insert into lifecycle.heartbeat (run_id, at)
    select id, clock_timestamp() from lifecycle.run
     where id = %(id)s and holder = %(holder)s and attempt = %(attempt)s and state = 'running'
        on conflict (run_id) do update set at = excluded.at
 returning run_id
"""

# A shared lock on the run's row: whoever wants to take the run over waits until this transaction ends. Triggers of
# the application read from the setting which run changes their rows.
HOLD = """
    select held.id, set_config('lifecycle.run', held.id::text, true)
      from lifecycle.hold_run(%(id)s, %(holder)s, %(attempt)s) as held (id)
     where held.id is not null
"""

# What is deferred to the end of a transaction would act after everything was counted and judged.
IMMEDIATE = "set constraints all immediate"

FINISH = """
    update lifecycle.run
       set state = 'finished', verdict = %(verdict)s, error_code = %(error_code)s, summary = %(summary)s,
           counts = %(counts)s, failures = %(failures)s, coverage = %(coverage)s, finished_at = clock_timestamp(),
           holder = null
     where id = %(id)s and holder = %(holder)s and attempt = %(attempt)s and state = 'running'
 returning id
"""

UNSEEN_BEFORE = """
    select o.coverage -> 'unseen'
      from lifecycle.run r join lifecycle.run o on o.system = r.system and o.job = r.job and o.id <> r.id
     where r.id = %(id)s and o.state = 'finished'
     order by o.finished_at desc limit 1
"""

PUT_BACK = """
    update lifecycle.run
       set state = 'queued', holder = null, not_before = clock_timestamp() + %(delay)s, error_code = %(error_code)s,
           summary = %(summary)s
     where id = %(id)s and holder = %(holder)s and attempt = %(attempt)s and state = 'running'
 returning id
"""

CANCEL = """
    update lifecycle.run
       set state = 'cancelled', holder = null, error_code = %(error_code)s, summary = %(summary)s,
           finished_at = clock_timestamp()
     where id = %(id)s and holder = %(holder)s and attempt = %(attempt)s and state = 'running'
 returning id, asked_by
"""

# Through a function, as neither login may write there by itself: evidence is of a run that is held.
RECORD = """
    select id from lifecycle.record_evidence(%(id)s, %(holder)s, %(attempt)s, %(kind)s, %(event)s, %(target)s,
                                             %(reference)s, %(counts)s::jsonb, %(digest)s) as recorded (id)
     where id is not null
"""

# --- the schedule: up to when the slots of a job have been turned into runs

REGISTER = """
    insert into lifecycle.schedule (system, job, cron, covered_until)
    values (%(system)s, %(job)s, %(cron)s, %(covered_until)s)
        on conflict (system, job) do nothing
 returning job
"""

LOCK_SCHEDULE = """
    select cron, covered_until, paused_at, pause_reason from lifecycle.schedule
     where system = %(system)s and job = %(job)s
       for update
"""

# Never backwards: a clock that was put back makes nothing due a second time.
COVER = """
    update lifecycle.schedule set cron = %(cron)s, covered_until = greatest(covered_until, %(now)s)
     where system = %(system)s and job = %(job)s
"""

ADD_SLOTS = """
    insert into lifecycle.run (system, job, scheduled_for, state, summary, counts, finished_at)
    select %(system)s, %(job)s, slot.at, slot.state, case when slot.state = 'missed' then slot.reason end,
           case when slot.stands_for > 1 then jsonb_build_object('slots', slot.stands_for) else '{}' end,
           case when slot.state = 'missed' then clock_timestamp() end
      from unnest(%(at)s::timestamptz[], %(states)s::text[], %(reasons)s::text[], %(stand_for)s::integer[])
        as slot (at, state, reason, stands_for)
     order by slot.at
        on conflict (system, job, scheduled_for) do nothing
 returning scheduled_for, state, coalesce((counts ->> 'slots')::integer, 1)
"""

SCHEDULES = """
    select s.job, s.cron, s.covered_until, s.paused_at, s.pause_reason, r.state, r.verdict, r.scheduled_for
      from lifecycle.schedule s
      left join lateral (select state, verdict, scheduled_for from lifecycle.run
                          where system = s.system and job = s.job and state <> 'queued'
                          order by scheduled_for desc limit 1) r on true
     where s.system = %(system)s
     order by s.job
"""

PAUSE = """
    update lifecycle.schedule set paused_at = %(now)s, pause_reason = %(because)s
     where system = %(system)s and job = %(job)s
 returning job
"""

# What lay between is past, and a clock that once stood in the future blocks nothing any more.
RESUME_SCHEDULE = """
    update lifecycle.schedule set paused_at = null, pause_reason = null, covered_until = least(covered_until, %(now)s)
     where system = %(system)s and job = %(job)s
 returning job
"""

NOT_OFFERED = """
    select s.job, count(r.id)::integer from lifecycle.schedule s
      join lifecycle.run r on r.system = s.system and r.job = s.job and r.state = 'queued'
     where s.system = %(system)s and s.job <> all(%(jobs)s)
     group by s.job order by s.job
"""

# --- runs that lost their process, or their chance

# A run whose process went silent is tried again where that is safe. One that still beats but is past its limit
# and grace is stuck: it is ended, and its next heartbeat makes it stop. Rows locked by an open transaction of the
# process itself are left alone until that transaction ends.
RECLAIM = """
    with gone as (
        select r.id, greatest(r.started_at, h.at) < clock_timestamp() - %(stale)s as silent
          from lifecycle.run r left join lifecycle.heartbeat h on h.run_id = r.id
         where r.system = %(system)s and r.state = 'running' and (%(only)s::text is null or r.job = %(only)s)
           and (greatest(r.started_at, h.at) < clock_timestamp() - %(stale)s
                or r.deadline_at < clock_timestamp() - %(grace)s)
           for update of r skip locked),
    decided as (
        select r.id, gone.silent,
               gone.silent and r.asked_by = 'schedule' and r.attempt < %(attempts)s
               and r.job = any(%(retry_safe)s) as again
          from gone join lifecycle.run r using (id))
    update lifecycle.run r
       set state = case when d.again then 'queued' else 'lost' end, holder = null, not_before = clock_timestamp(),
           finished_at = case when d.again then null else clock_timestamp() end,
           summary = case when d.silent then 'its process went silent' else 'it went on beyond its time limit' end
      from decided d
     where r.id = d.id
 returning r.id, r.job, r.state, r.scheduled_for, r.attempt, r.summary
"""

# The process of a run is known to be dead: no need to wait for its silence.
ABANDON = """
    update lifecycle.run
       set state = case when asked_by = 'schedule' and %(retry_safe)s and attempt < %(attempts)s
                        then 'queued' else 'lost' end,
           finished_at = case when asked_by = 'schedule' and %(retry_safe)s and attempt < %(attempts)s
                              then null else clock_timestamp() end,
           holder = null, not_before = clock_timestamp(), summary = %(summary)s
     where id = %(id)s and holder = %(holder)s and attempt = %(attempt)s and state = 'running'
 returning state
"""

EXPIRE = """
    update lifecycle.run r
       set state = 'missed', summary = 'it waited in the queue beyond its greatest lateness',
           finished_at = clock_timestamp()
      from unnest(%(jobs)s::text[], %(lateness)s::interval[]) as job (name, lateness)
     where r.system = %(system)s and r.job = job.name and r.state = 'queued' and r.asked_by = 'schedule'
       and r.attempt = 0 and r.scheduled_for < clock_timestamp() - job.lateness
 returning r.job
"""

WAITING = """
    select count(*) filter (where state = 'queued' and not_before <= clock_timestamp())::integer, count(*)::integer
      from lifecycle.run
     where system = %(system)s and state in ('queued', 'running') and job = any(%(jobs)s)
"""

# --- what people ask about runs

LIST_RUNS = """
    select id, job, scheduled_for, state, verdict, attempt, asked_by, started_at, finished_at, error_code, summary
      from lifecycle.run
     where system = %(system)s and (%(job)s::text is null or job = %(job)s)
       and (%(state)s::text is null or state = %(state)s)
     order by scheduled_for desc, id desc
     limit %(count)s
"""

SHOW_RUN = """
    select id, job, scheduled_for, state, verdict, attempt, asked_by, holder, queued_at, not_before, started_at,
           (select at from lifecycle.heartbeat where run_id = run.id) as heartbeat_at, deadline_at, finished_at,
           error_code, summary, counts, failures, coverage
      from lifecycle.run where system = %(system)s and id = %(id)s
"""

EVIDENCE_OF = """
    select at, attempt, kind, event, target, reference, counts, digest from lifecycle.evidence
     where run_id = %(id)s order by id limit %(count)s
"""

CANCEL_QUEUED = """
    update lifecycle.run
       set state = 'cancelled', summary = 'a person cancelled it before it began', finished_at = clock_timestamp()
     where system = %(system)s and id = %(id)s and state = 'queued'
 returning id
"""

RESUME_RUN = """
    update lifecycle.run
       set state = 'queued', asked_by = 'person', verdict = null, error_code = null, finished_at = null,
           started_at = null, deadline_at = null, not_before = clock_timestamp(),
           summary = 'a person queued it again', counts = '{}', failures = '[]', coverage = null
     where system = %(system)s and id = %(id)s
       and (state in ('lost', 'missed', 'cancelled') or (state = 'finished' and verdict <> 'pass'))
 returning id
"""

# --- daemons

CLOCK = "select clock_timestamp()"

DAEMON_SEEN = """
    insert into lifecycle.daemon (id, host, pid, version, policy)
    values (%(id)s, %(host)s, %(pid)s, %(version)s, %(policy)s)
        on conflict (id) do update set seen_at = clock_timestamp(), policy = excluded.policy
"""

DAEMON_STOPPED = """
    update lifecycle.daemon set stopped_at = clock_timestamp() where id = %(id)s
"""

RUN_STATE = """
    select state, verdict from lifecycle.run where system = %(system)s and id = %(id)s
"""

# A tick that waits longer than this has lost its turn: the next one comes in seconds.
TICK_LIMITS = """
    select set_config('statement_timeout', '20s', false), set_config('lock_timeout', '5s', false)
"""
