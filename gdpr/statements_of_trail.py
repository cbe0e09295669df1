"""What is asked of the ledger about one request, by its keyed reference. Reads only."""

from typing import LiteralString

from lifecycle.ledger.plans import NARROWED

ERASURES: LiteralString = """
    select reference, person, asked, request, requests, state, claimed_at, erased_at, proven_at, tables, proof
      from lifecycle.erasure
     where reference = %(reference)s or %(request)s::text = any(requests)
     order by state = 'proven', coalesce(proven_at, claimed_at) desc
"""

EVIDENCE: LiteralString = """
    select e.run_id, e.at, e.kind, e.event, e.target, e.counts
      from lifecycle.evidence e join lifecycle.run r on r.id = e.run_id
     where r.system = %(system)s and e.reference = any(%(references)s) order by e.id
"""

# A run of one other request says nothing of this one; a month of nights is enough to find the last that does.
LAST_RUN: LiteralString = f"""
    select r.id, r.finished_at, r.verdict,
           (select coalesce(jsonb_agg(f), '[]') from jsonb_array_elements(r.failures) f
             where f ->> 'target' = %(target)s or f ->> 'target' like %(target)s || ':%%')
      from (select * from lifecycle.run
             where system = %(system)s and job = 'gdpr.erase' and state = 'finished'
             order by scheduled_for desc limit 100) r
     where not {NARROWED} or r.failures::text like '%%' || %(target)s || '%%'
     order by r.scheduled_for desc limit 1
"""  # noqa: S608 - put together of constants only

UNSEEN: LiteralString = "select coverage -> 'unseen' from lifecycle.run where id = %(run)s"

# One that is silent for longer than its lease was killed: the next daemon or command says so.
AT_WORK: LiteralString = """
    select r.id from lifecycle.run r left join lifecycle.heartbeat h on h.run_id = r.id
     where r.system = %(system)s and r.job = 'gdpr.erase' and r.state = 'running'
       and coalesce(h.at, r.started_at) + r.lease > clock_timestamp()
"""
