"""The schedule: when a job is due, and how its slots become runs on the ledger.

Knows slots and clocks, and nothing of what a job does. It never decides from memory: the ledger in each managed
database is the truth, APScheduler only the alarm clock. Any number of daemons and workers may run on one ledger.

`tick.py` is one look at one system -> `slots.py` (pure: which slots are due) -> `cover.py` (puts them on the ledger);
`reclaim.py` takes over runs that lost their process, `state.py` is what a daemon knows of itself. How a run is carried
out is `running/`, the process around it `daemon/`. Read `slots.py` first, then `tick.py`.
"""
