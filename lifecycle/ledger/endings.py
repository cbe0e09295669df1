"""Every statement that ends a run, an attempt or a slot, and counts it. Its history the database writes by itself."""

# ruff: noqa: S608 - put together of constants only: each is a LiteralString, and pyright holds that

# What is only counted is counted when it happens: summing it up later would read every run there ever was.
_TALLY = """
    , tallied as (
        insert into lifecycle.tally (system, job, missed, lost)
        select system, job, missed, lost from counted
            on conflict (system, job) do update
               set missed = tally.missed + excluded.missed, lost = tally.lost + excluded.lost)
"""

# --- by who holds it

FINISH = """
    update lifecycle.run
       set state = 'finished', verdict = %(verdict)s, error_code = %(error_code)s, summary = %(summary)s,
           counts = %(counts)s, failures = %(failures)s, coverage = %(coverage)s,
           finished_at = clock_timestamp(), holder = null
     where id = %(id)s and holder = %(holder)s and attempt = %(attempt)s and state = 'running'
 returning id
"""

PUT_BACK = """
    update lifecycle.run
       set state = 'queued', holder = null, not_before = clock_timestamp() + %(delay)s,
           error_code = %(error_code)s, summary = %(summary)s
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

# By whoever held it: who takes a run from its holder writes `lost`, or `queued again` without a code.
ENDED_BY_HOLDER = """
    select 1 from lifecycle.attempt
     where run_id = %(id)s and attempt = %(attempt)s and holder = %(holder)s
       and (how in ('finished', 'cancelled') or (how = 'queued again' and error_code is not null))
"""

# --- runs that lost their process, or their chance

# A run whose process was silent for longer than the lease it took is tried again where that is safe. One that still
# beats but is past its limit and grace is stuck: it is ended, and its next heartbeat makes it stop. Rows locked by an
# open transaction of the process itself are left alone until that transaction ends.
RECLAIM = f"""
    with gone as (
        select r.id, greatest(r.started_at, h.at) < clock_timestamp() - r.lease as silent
          from lifecycle.run r left join lifecycle.heartbeat h on h.run_id = r.id
         where r.system = %(system)s and r.state = 'running' and (%(only)s::text is null or r.job = %(only)s)
           and (greatest(r.started_at, h.at) < clock_timestamp() - r.lease
                or r.deadline_at < clock_timestamp() - %(grace)s)
           for update of r skip locked),
    decided as (
        select r.id, gone.silent,
               gone.silent and r.asked_by = 'schedule' and r.attempt < %(attempts)s
               and r.job = any(%(retry_safe)s) as again
          from gone join lifecycle.run r using (id)),
    ended as (
        update lifecycle.run r
           set state = case when d.again then 'queued' else 'lost' end, holder = null, error_code = null,
               not_before = clock_timestamp(), finished_at = case when d.again then null else clock_timestamp() end,
               summary = case when d.silent then 'its process went silent' else 'it went on beyond its time limit' end
          from decided d
         where r.id = d.id
     returning r.system, r.id, r.job, r.state, r.scheduled_for, r.attempt, r.summary),
    counted as (
        select system, job, 0 as missed, count(*) as lost from ended where state = 'lost' group by system, job)
    {_TALLY}
    select id, job, state, scheduled_for, attempt, summary from ended
"""

# The process of a run is known to be dead: no need to wait for its silence.
ABANDON = f"""
    with ended as (
        update lifecycle.run
           set state = case when asked_by = 'schedule' and %(retry_safe)s and attempt < %(attempts)s
                            then 'queued' else 'lost' end,
               finished_at = case when asked_by = 'schedule' and %(retry_safe)s and attempt < %(attempts)s
                                  then null else clock_timestamp() end,
               holder = null, error_code = null, not_before = clock_timestamp(), summary = %(summary)s
         where id = %(id)s and holder = %(holder)s and attempt = %(attempt)s and state = 'running'
     returning system, job, state),
    counted as (select system, job, 0 as missed, 1 as lost from ended where state = 'lost')
    {_TALLY}
    select state from ended
"""

EXPIRE = f"""
    with expired as (
        update lifecycle.run r
           set state = 'missed', summary = 'it waited in the queue beyond its greatest lateness',
               finished_at = clock_timestamp()
          from unnest(%(jobs)s::text[], %(lateness)s::interval[]) as job (name, lateness)
         where r.system = %(system)s and r.job = job.name and r.state = 'queued' and r.asked_by = 'schedule'
           and r.attempt = 0 and r.scheduled_for < clock_timestamp() - job.lateness
     returning r.system, r.job),
    counted as (select system, job, count(*) as missed, 0 as lost from expired group by system, job)
    {_TALLY}
    select job, missed::integer from counted
"""

# --- slots that nobody runs

ADD_SLOTS = f"""
    with added as (
        insert into lifecycle.run (system, job, scheduled_for, state, summary, counts)
        select %(system)s, %(job)s, slot.at, slot.state, case when slot.state = 'missed' then slot.reason end,
               case when slot.stands_for > 1 then jsonb_build_object('slots', slot.stands_for) else '{{}}' end
          from unnest(%(at)s::timestamptz[], %(states)s::text[], %(reasons)s::text[], %(stand_for)s::integer[])
            as slot (at, state, reason, stands_for)
         order by slot.at
            on conflict (system, job, scheduled_for) do nothing
     returning system, job, scheduled_for, state, coalesce((counts ->> 'slots')::integer, 1) as stands_for),
    counted as (
        select system, job, sum(stands_for) as missed, 0 as lost from added where state = 'missed'
         group by system, job)
    {_TALLY}
    select scheduled_for, state, stands_for from added order by scheduled_for
"""

# --- once more

# What the run was before goes into its history: nothing of it is lost. A run that ended as `could not verify` stays
# what it is: it has changed what it could, and a second look would find nothing to do and call that a pass.
RESUME_RUN = """
    update lifecycle.run
       set state = 'queued', asked_by = 'person', verdict = null, error_code = null, finished_at = null,
           started_at = null, deadline_at = null, not_before = clock_timestamp(),
           summary = 'a person queued it again', counts = '{}', failures = '[]', coverage = null
     where system = %(system)s and id = %(id)s
       and (state in ('lost', 'missed', 'cancelled') or (state = 'finished' and verdict = 'fail'))
 returning id
"""
