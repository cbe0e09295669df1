"""What a migration would change, found out on a copy of the schema before it runs: read `rehearse.py` first.

The copy lies in a private scratch server and has no rows. Nothing is ever written to the database it was taken of, and
nothing of a migration or of the schema is said by a superuser.
"""
