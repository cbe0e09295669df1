"""`lifecycle doctor`: says what is wrong with an installation before the night does.

Knows what the service needs: rights, schema, keys, buckets, programs, somebody who is told. Each check gives one of the
four verdicts with the command that mends it, and survives another's failure. Never changes anything. Read
`examine.py` first.
"""
