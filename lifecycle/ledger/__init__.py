"""The ledger: which runs were due, who holds them, what they changed.

In schema `lifecycle` of each managed database, so that evidence commits with its effect.

`claims.py` is how a run is held and fenced, `evidence.py` what it changed, `slots.py` how due slots become
rows, `alerts.py` what somebody must hear of. Never decides what is due: `schedule/` does. No personal value
ever enters a row: counts, digests and keyed references only. Read `sql/0001_ledger.sql` first.
"""
