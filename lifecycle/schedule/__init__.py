"""The schedule: when a job is due, who runs it, what becomes of a run that went wrong.

Knows slots, claims, processes and deadlines, and nothing of what a job does. It never decides from memory:
the ledger in each managed database is the truth, APScheduler only the alarm clock. Any number of daemons and
workers may run on one ledger.

The way of one run: `daemon.py` (rings) -> `tick.py` -> `slots.py` (pure: which slots are due) -> `cover.py` (puts
them on the ledger) -> `worker.py` (claims one, starts a process for it) -> `child.py` -> `run.py` (heartbeat,
deadline, ending). Beside it: `reclaim.py` (runs that lost their process), `cron.py` (when slots are), `wake.py`
(the alarm clock), `state.py` (what the daemon knows of itself), `notify.py` (systemd), `cli.py`.
Read `slots.py` first, then `run.py`.
"""
