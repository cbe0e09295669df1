"""Rows that come back into a table, from whichever copy: loaded beside it, held against it, and put in.

Knows: which of a copy's columns fit a table as it is now (`fitting.py`), who was forgotten since and stays away
(`left_out.py`), how the service may put rows into a table for as long as that takes (`target.py`), and how it is done
in one transaction (`put.py`). Where the rows come from, a room says: an archive, a dump.

Never does: overwrite a row whose key the table has, bring somebody back who was promised to be gone.
Read `put.py` first.
"""
