"""What the ledger says of runs, schedules and daemons; `endings.py` has what ends them. All names are constant."""

CLAIM_NEXT = """
    update lifecycle.run set state = 'running', holder = %(holder)s, attempt = attempt + 1,
           lease = %(lease)s, started_at = clock_timestamp(), deadline_at = null
     where id = (select r.id from lifecycle.run r
                  where r.system = %(system)s and r.state = 'queued' and r.not_before <= clock_timestamp()
                    and (%(jobs)s::text[] is null or r.job = any(%(jobs)s))
                    and not exists (select from lifecycle.run o
                                     where o.system = r.system and o.job = r.job and o.state = 'running')
                  order by r.scheduled_for, r.id
                  limit 1 for update skip locked)
 returning id, system, job, scheduled_for, attempt, holder, lease
"""

CLAIM_ONE = """
    update lifecycle.run set state = 'running', holder = %(holder)s, attempt = attempt + 1,
           lease = %(lease)s, started_at = clock_timestamp(), deadline_at = null
     where system = %(system)s and job = %(job)s and scheduled_for = %(scheduled_for)s and state = 'queued'
 returning id, system, job, scheduled_for, attempt, holder, lease
"""

# A process that was started for a claim takes it up: the claim was made by whoever started it.
TAKE_UP = """
    update lifecycle.run set started_at = clock_timestamp()
     where id = %(id)s and holder = %(holder)s and attempt = %(attempt)s and state = 'running'
 returning id, system, job, scheduled_for, attempt, holder, lease
"""

SET_DEADLINE = """
    update lifecycle.run set deadline_at = clock_timestamp() + %(limit)s
     where id = %(id)s and holder = %(holder)s and attempt = %(attempt)s and state = 'running'
 returning id
"""

ENQUEUE = """
    insert into lifecycle.run (system, job, scheduled_for, asked_by, plan)
    values (%(system)s, %(job)s, %(scheduled_for)s, %(asked_by)s, %(plan)s)
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

# Null where the last run failed or was lost: that it ends better now is news.
UNSEEN_BEFORE = """
    select case when o.verdict = 'could not verify' then o.coverage -> 'unseen' end
      from lifecycle.run r join lifecycle.run o on o.system = r.system and o.job = r.job and o.id <> r.id
     where r.id = %(id)s and o.state in ('finished', 'lost')
     order by o.scheduled_for desc limit 1
"""

# Through a function, as neither login may write there by itself: evidence is of a run that is held.
RECORD = """
    select id from lifecycle.record_evidence(%(id)s, %(holder)s, %(attempt)s, %(kind)s, %(event)s, %(target)s,
                                             %(reference)s, %(counts)s::jsonb, %(digest)s) as recorded (id)
     where id is not null
"""

RECORD_EACH = """
    select recorded.id
      from unnest(%(targets)s::text[], %(counts)s::jsonb[]) with ordinality as one (target, counts, place)
     cross join lateral lifecycle.record_evidence(%(id)s, %(holder)s, %(attempt)s, %(kind)s, %(event)s, one.target,
                                                  %(reference)s, one.counts, null) as recorded (id)
     where recorded.id is not null
     order by one.place
"""

# --- the schedule: up to when the slots of a job have been turned into runs

REGISTER = """
    insert into lifecycle.schedule (system, job, cron, timezone, covered_until)
    values (%(system)s, %(job)s, %(cron)s, %(timezone)s, %(covered_until)s)
        on conflict (system, job) do nothing
 returning job
"""

LOCK_SCHEDULE = """
    select s.cron, s.timezone, s.covered_until, p.reason
      from lifecycle.schedule s
      left join lifecycle.pause p on p.system = s.system and p.job = s.job and p.until is null
     where s.system = %(system)s and s.job = %(job)s
       for update of s
"""

# Never backwards: a clock that was put back makes nothing due a second time.
COVER = """
    update lifecycle.schedule
       set cron = %(cron)s, timezone = %(timezone)s, covered_until = greatest(covered_until, %(now)s)
     where system = %(system)s and job = %(job)s
"""

SCHEDULES = """
    select s.job, s.cron, s.covered_until, p.since, p.reason, r.state, r.verdict, r.scheduled_for
      from lifecycle.schedule s
      left join lifecycle.pause p on p.system = s.system and p.job = s.job and p.until is null
      left join lateral (select state, verdict, scheduled_for from lifecycle.run
                          where system = s.system and job = s.job and state <> 'queued'
                          order by scheduled_for desc limit 1) r on true
     where s.system = %(system)s
     order by s.job
"""

# A second pause ends the first, and says since when and why from its own day on.
END_PAUSE = """
    update lifecycle.pause set until = %(now)s
     where system = %(system)s and job = %(job)s and until is null
"""

PAUSE = """
    insert into lifecycle.pause (system, job, since, reason)
    select system, job, %(now)s, %(because)s from lifecycle.schedule
     where system = %(system)s and job = %(job)s
 returning job
"""

# What lay between is past, and a clock that once stood in the future blocks nothing any more.
RESUME_SCHEDULE = """
    update lifecycle.schedule set covered_until = least(covered_until, %(now)s)
     where system = %(system)s and job = %(job)s
 returning job
"""

NOT_OFFERED = """
    select s.job, count(r.id)::integer from lifecycle.schedule s
      join lifecycle.run r on r.system = s.system and r.job = s.job and r.state = 'queued'
     where s.system = %(system)s and s.job <> all(%(jobs)s)
     group by s.job order by s.job
"""

# Each half by its own partial index, however many runs are over.
WAITING = """
    select (select count(*) from lifecycle.run
             where system = %(system)s and state = 'queued' and job = any(%(jobs)s)
               and not_before <= clock_timestamp())::integer,
           ((select count(*) from lifecycle.run
              where system = %(system)s and state = 'queued' and job = any(%(jobs)s))
            + (select count(*) from lifecycle.run
                where system = %(system)s and state = 'running' and job = any(%(jobs)s)))::integer
"""

# --- what people ask about runs

_LISTED = """
    select id, job, scheduled_for, state, verdict, attempt, asked_by, started_at, finished_at, error_code, summary
      from lifecycle.run
     where system = %(system)s
"""
_NEWEST = """
     order by scheduled_for desc, id desc
     limit %(count)s
"""
LIST_RUNS = _LISTED + " and (%(job)s::text is null or job = %(job)s)" + _NEWEST
LIST_FINISHED = (
    _LISTED + " and (%(job)s::text is null or job = %(job)s) and state = 'finished'" + _NEWEST
)
# By the index of endings: a rare one is found without reading those that passed.
LIST_ENDED_SO = (
    _LISTED
    + " and coalesce(verdict, state) = %(ending)s and (%(job)s::text is null or job = %(job)s)"
    + _NEWEST
)

SHOW_RUN = """
    select id, job, scheduled_for, state, verdict, attempt, asked_by, holder, lease, queued_at, not_before, started_at,
           (select at from lifecycle.heartbeat where run_id = run.id) as heartbeat_at, deadline_at, finished_at,
           error_code, summary, counts, failures, coverage, plan
      from lifecycle.run where system = %(system)s and id = %(id)s
"""

# Not before the run was there: months before are not looked into.
ATTEMPTS_OF = """
    select attempt, started_at, at as ended_at, host, holder, how, verdict, error_code, summary, counts, failures
      from lifecycle.attempt
     where run_id = %(id)s and at >= (select queued_at from lifecycle.run where id = %(id)s)
     order by at
"""

EVIDENCE_OF = """
    select at, attempt, kind, event, target, reference, counts, digest from lifecycle.evidence
     where run_id = %(id)s and at >= (select queued_at from lifecycle.run where id = %(id)s)
     order by id limit %(count)s
"""

CANCEL_QUEUED = """
    update lifecycle.run
       set state = 'cancelled', summary = 'a person cancelled it before it began', finished_at = clock_timestamp()
     where system = %(system)s and id = %(id)s and state = 'queued'
 returning id
"""

# --- daemons

CLOCK = "select clock_timestamp()"

DAEMON_SEEN = """
    insert into lifecycle.daemon (id, host, pid, version, policy, schedules)
    values (%(id)s, %(host)s, %(pid)s, %(version)s, %(policy)s, %(schedules)s)
        on conflict (id) do update
           set seen_at = clock_timestamp(), policy = excluded.policy, schedules = excluded.schedules
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

DIGESTS = """
    select distinct digest from lifecycle.evidence
     where event = %(event)s and target = %(target)s and kind = 'outcome' and digest is not null
"""

FIRST = """
    select min(at) from lifecycle.evidence where event = %(event)s and target = %(target)s and digest = %(digest)s
"""

SINCE = """
    select min(at) from lifecycle.evidence where event = %(event)s and kind = 'outcome'
"""

TARGETS = """
    select distinct target from lifecycle.evidence where event = %(event)s and kind = 'outcome'
"""

# One that ended before it could look, as the store was away, found nothing and counted no row: that is no look.
LATEST = """
    select target, max(at) from lifecycle.evidence
     where event = %(event)s and kind = 'finding' and (counts ? 'rows' or (counts ->> 'findings')::bigint > 0)
     group by target
"""

# Of what the last look that counted rows, or found something, found nothing wrong with.
PROVEN = """
    select target
      from (select distinct on (target) target, at, counts from lifecycle.evidence
             where event = %(event)s and kind = 'finding' and (counts ? 'rows' or (counts ->> 'findings')::bigint > 0)
             order by target, at desc) latest
     where counts ? 'rows' and coalesce((counts ->> 'findings')::bigint, 0) = 0
     order by at
"""

# Of the newest runs, and not before each was there: months before are not looked into.
NEWEST_TARGET = """
    select e.target
      from (select id, queued_at from lifecycle.run where system = %(system)s and job = %(job)s
             order by scheduled_for desc limit 100) r
      join lifecycle.evidence e on e.run_id = r.id and e.at >= r.queued_at and e.event = %(event)s
     group by e.target having bool_or(e.kind = 'outcome')
     order by min(e.id) desc limit 1
"""
