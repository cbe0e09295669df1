"""One pass over everything that a dump of this database would print, for all people of a night at once.

`needles.py` spells what is looked for (`spell.py`), finds it in blocks of printed rows by one compiled set
(`matcher.py`), and decides of each hit whether it stands there as a whole (`whole.py`). `relations.py` says what is
there to be read and how, `stream.py` reads it, `database.py` goes through all of it and names what it could not read.

Reads only, and keeps no value: places and counts leave this room. Read `database.py` first.
"""
