"""What WAL-G copies of a whole server, and how that is proven: by coming back from it to a named point.

Knows: what the policy promises of it (`words.py`), the program and its settings, which stay WAL-G's own
(`program.py`), what lies in its store (`listing.py`, `log.py`) and from when to when one can come back with it
(`intervals.py`), how PostgreSQL gets its log back without taking an error for the end of it (`wal_fetch.py`), how a
restore point is written on the source together with what its tables held (`point.py`) and is kept, signed, beside the
backups (`record.py`), how a base backup is taken (`push.py`), and the drill: choose, fetch, recover to that point on a
private server, compare (`drill.py`).

Never does: delete a backup, write anything but those and its records into the store, archive from a copy, restore into
anything but a scratch directory it made itself, put a secret on a command line. Read `drill.py` first, then `copy.py`.
"""
