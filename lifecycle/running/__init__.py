"""Running: one claimed run in a process of its own, from its first heartbeat to its end on the ledger.

`worker.py` claims and starts a process, `child.py` is that process, `run.py` carries the job out, `heartbeat.py` keeps
it alive, `stopping.py` ends it. Never decides what is due: `schedule/` does. Read `run.py` first.
"""
