"""The way back: a database from a dump onto an empty server, by the policy, the settings and the bucket alone.

Knows: what an empty server is, what is made on it in which order, and when the database may be entered again. Never
touches a server that is not empty, never needs a ledger, and opens nothing that is not what was dumped. Read `bring.py`
first.
"""
