"""Watches the archive of the log between two drills: what the server says of it, and what lies in the store.

Knows: what the server says, its files beside the log, the names in WAL-G's store (`survey.py`); how far the store is
behind, and where two of the three say different things (`lag.py`, pure); which segments are missing since the newest
base backup (`holes.py`, pure); whose timelines lie there (`timelines.py`, pure), by their histories (`histories.py`);
from when to when one can come back (`intervals.py` above, pure) against the window (`window.py`, pure), and which
gaps somebody knows of (`known.py`); what lies under some of the names (`content.py`).

Never does: write anything into the store, or replay a record of the log: that is a drill's. Read `watch.py` first.
"""
