"""PostgreSQL: connect, read the catalog, run DDL, find the binaries, keep a private cluster.

`catalog.py` turns pg_catalog into an immutable picture; `server.py` runs a private cluster for drills, the
demo and tests. Never knows a policy and never decides. Read `catalog.py` first.
"""
