"""Erasing again in a database that was put back whoever the ledger outside says was erased since.

Knows: which lines of that ledger this database does not remember, and whom of those who are in it they mean. Erases
nobody whom no line means, and believes no line that our key did not write. Read `survey.py` first.
"""
