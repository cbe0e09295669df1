"""The ledger: which runs were due, who holds them, what they changed.

In schema `lifecycle` of each managed database, so that evidence commits with its effect.

`claims.py` is how a run is held, fenced and ended, `effect.py` the one way to change something, `changed.py` what a
transaction has really changed, `evidence.py` what the run says it did, `alerts.py` what somebody must hear,
`schedules.py` up to when a job's slots have become runs, `runs.py` what people and daemons ask about runs. Never
decides what is due or what is tried again: `schedule/` does. No personal value ever enters a row: counts, digests and
keyed references only.
Read `sql/0001_ledger.sql` first.
"""
