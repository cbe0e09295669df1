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

# What should be on the ledger and is not: of each month in which a run ended, or of which one part is there, the parts
# that lie nowhere. A month that was exported took its runs along; in one without a run no daemon may have made a place.
GONE = """
    select wanted.first, array_agg(part.name order by part.name desc)
      from (select date_trunc('month', r.finished_at at time zone 'UTC')::date
              from lifecycle.run r where r.started_at is not null and r.finished_at is not null
            union
            select to_date(substring(c.relname from '[0-9]{4}_[0-9]{2}$'), 'YYYY_MM')
              from pg_inherits i join pg_class c on c.oid = i.inhrelid
             where i.inhparent in ('lifecycle.evidence'::regclass, 'lifecycle.attempt'::regclass)) as wanted (first)
     cross join (values ('evidence'), ('attempt')) as part (name)
     where not exists (select from pg_inherits i join pg_class c on c.oid = i.inhrelid
                        where i.inhparent = ('lifecycle.' || part.name)::regclass
                          and c.relname = part.name || '_' || to_char(wanted.first, 'YYYY_MM'))
     group by 1
"""

# How its last attempt ended was written down when the run ended, and says what the run says.
UNTOLD = """
    select date_trunc('month', r.finished_at at time zone 'UTC')::date, count(*)
      from lifecycle.run r
     where r.started_at is not null and r.finished_at is not null
       and not exists (select from lifecycle.attempt a
                        where a.run_id = r.id
                          and (r.state <> 'finished'
                               or a.how = 'finished' and a.attempt = r.attempt and a.verdict = r.verdict))
     group by 1
"""
