"""The ground: policy, catalog, ledger, schedule, daemon and command line.

Knows how a promise is written down, how a run is claimed, fenced and proven, and how to reach
PostgreSQL, S3 and programs. Never decides what is deleted: that is the rooms' work, and this package
never imports one (`rooms.py` names them). Read `running/run.py` first; `docs/house.md` walks one run.
"""

import gc

__version__ = "0.1.0"

# The hundreds of modules and models of which a process is made stay for as long as it does. Python's own 700 had the
# collector walk them over and over while they came in: a fifth of the time in which the process of a run begins.
gc.set_threshold(50_000, 20, 20)
