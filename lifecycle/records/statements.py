"""Every SQL statement this room says to a managed database. `ledger/months.py` has what makes and drops a month."""

# One row of the ledger a line, as PostgreSQL itself writes jsonb: keys in one order, moments in UTC. Together they are
# what `lifecycle.drop_month` deletes, and nothing else.
RUNS = """
    select jsonb_build_object('table', 'run', 'row', to_jsonb(r))::text from lifecycle.run r
     where r.finished_at >= %(since)s and r.finished_at < %(to)s order by r.id
"""
ATTEMPTS = """
    select jsonb_build_object('table', 'attempt', 'row', to_jsonb(a))::text from lifecycle.attempt a
     where a.at >= %(since)s and a.at < %(to)s order by a.at, a.run_id, a.attempt
"""
EVIDENCE = """
    select jsonb_build_object('table', 'evidence', 'row', to_jsonb(e))::text from lifecycle.evidence e
     where e.at >= %(since)s and e.at < %(to)s order by e.at, e.id
"""
ALERTS = """
    select jsonb_build_object('table', 'alert', 'row', to_jsonb(a))::text from lifecycle.alert a
     where a.created_at >= %(since)s and a.created_at < %(to)s order by a.id
"""

COUNT = """
    select (select count(*) from lifecycle.run where finished_at >= %(since)s and finished_at < %(to)s),
           (select count(*) from lifecycle.attempt where at >= %(since)s and at < %(to)s),
           (select count(*) from lifecycle.evidence where at >= %(since)s and at < %(to)s),
           (select count(*) from lifecycle.alert where created_at >= %(since)s and created_at < %(to)s)
"""
