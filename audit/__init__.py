"""The application's audit log: kept complete for ever, and without the people who asked to be forgotten.

Knows which columns of the log name a person (the policy's `audit:` section), how to take one out of it
(`anonymise.py`), which tables are not captured (`coverage.py`), and how the compliance report is made
(`report.py`) of the chapters that rooms bring, with what needs somebody first (`attention.py`). Never deletes a row
of the log, and never decides who is forgotten: the room gdpr does, and calls `anonymise` as the last step of its own
transaction. Read `anonymise.py` first.
"""
