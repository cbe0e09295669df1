"""What must not be destroyed, whatever a policy or a request says: legal holds.

Knows who placed a hold, why, until when, and on what (`hold.py`): a person, a table, a span of time of one, or all rows
with a value, as those of one tenant. `gate.py` says of a table which rows are on hold, in SQL; it is asked by everybody
who destroys, in the transaction that does it. The database keeps the two apart: while somebody destroys, no hold is
placed, and what is on hold once it is placed stays.

Never decides what else may go. Read `gate.py` first.
"""
