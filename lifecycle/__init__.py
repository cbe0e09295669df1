"""The ground: policy, catalog, ledger, schedule, daemon and command line.

Knows how a promise is written down, how a run is claimed, fenced and proven, and how to reach
PostgreSQL, S3 and programs. Never decides what is deleted: that is the rooms' work, and this package
never imports one (`rooms.py` names them). Read `running/run.py` first; `docs/house.md` walks one run.
"""

__version__ = "0.1.0"
