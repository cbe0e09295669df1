"""Running: one claimed run in a process of its own, from its first heartbeat to its end on the ledger.

`claiming.py` claims while there is a place (`places.py`), `worker.py` starts a process for it, `child.py` is that
process, `run.py` carries the job out, `heartbeat.py` keeps it alive, `stopping.py` ends it. Never decides what is due:
`schedule/` does. Read `run.py` first.
"""
