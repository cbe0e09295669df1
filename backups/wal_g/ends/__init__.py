"""How long base backups and their log are kept, by our own plan: what ends is worked out, tried and only then deleted.

Knows: from which base backup on everything stays (`plan.py`), that no time of what is kept is lost by it, in the
words of `intervals.py`, and in which order things go so that a run killed anywhere leaves a store to come back with.
Never deletes what is permanent or its log, what another one builds on, the newest, the newest that a drill has
proven, anything while a legal hold stands, or anything at all without a `keep` in the policy. Read `plan.py` first.
"""
