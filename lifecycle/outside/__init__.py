"""The world outside the database: S3 objects, programs, keys.

Every call has a time limit and ends in our own error classes. `objects.py` is S3, `commands.py` programs,
`keys.py` cryptography, `memory.py` files that need no disk. Never decides what is deleted; the rooms do. Read the
module of the thing at hand.
"""
