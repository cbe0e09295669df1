"""Every statement the ledger says. All names are constant: only values vary."""

CLAIM_NEXT = """
    update lifecycle.run set state = 'running', holder = %(holder)s, attempt = attempt + 1,
           heartbeat_at = clock_timestamp(), started_at = clock_timestamp(), deadline_at = null
     where id = (select r.id from lifecycle.run r
                  where r.system = %(system)s and r.state = 'queued' and r.not_before <= clock_timestamp()
                    and not exists (select from lifecycle.run o
                                     where o.system = r.system and o.job = r.job and o.state = 'running')
                  order by r.scheduled_for, r.id
                  limit 1 for update skip locked)
 returning id, system, job, scheduled_for, attempt, holder
"""

CLAIM_ONE = """
    update lifecycle.run set state = 'running', holder = %(holder)s, attempt = attempt + 1,
           heartbeat_at = clock_timestamp(), started_at = clock_timestamp(), deadline_at = null
     where system = %(system)s and job = %(job)s and scheduled_for = %(scheduled_for)s and state = 'queued'
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
    update lifecycle.run set heartbeat_at = clock_timestamp()
     where id = %(id)s and holder = %(holder)s and attempt = %(attempt)s and state = 'running'
 returning id
"""

# A shared lock on the run's row: whoever wants to take the run over waits until this transaction ends.
HOLD = """
    select id from lifecycle.run
     where id = %(id)s and holder = %(holder)s and attempt = %(attempt)s and state = 'running'
       for share
"""

FINISH = """
    update lifecycle.run
       set state = 'finished', verdict = %(verdict)s, error_code = %(error_code)s, summary = %(summary)s,
           counts = %(counts)s, failures = %(failures)s, finished_at = clock_timestamp(), holder = null
     where id = %(id)s and holder = %(holder)s and attempt = %(attempt)s and state = 'running'
 returning id
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
       set state = 'cancelled', holder = null, summary = %(summary)s, finished_at = clock_timestamp()
     where id = %(id)s and holder = %(holder)s and attempt = %(attempt)s and state = 'running'
 returning id
"""

RECORD = """
    with held as (
        select id from lifecycle.run
         where id = %(id)s and holder = %(holder)s and attempt = %(attempt)s and state = 'running'
           for share)
    insert into lifecycle.evidence (run_id, attempt, kind, event, target, reference, counts, digest)
    select id, %(attempt)s, %(kind)s, %(event)s, %(target)s, %(reference)s, %(counts)s, %(digest)s from held
 returning id
"""

ALERT = """
    insert into lifecycle.alert (system, job, run_id, kind, message)
    values (%(system)s, %(job)s, %(run_id)s, %(kind)s, %(message)s)
"""
