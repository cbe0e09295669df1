"""One table back, or the rows of one key in it: out of a dump, held against the table as it is, and put in.

Knows: which dump may be believed, how its rows of one table come onto a private server, and how they differ from the
table. Never overwrites a row, and never brings back who was forgotten since. Read `back.py` first.
"""
