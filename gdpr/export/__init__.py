"""What there is of a person, in one file for them: GDPR Art. 15 (access) and 20 (portability).

Knows the same rows as the erasure, read in one moment: what would be deleted and what would be kept, and nothing of
what is only mentioned. Never gives away whom else a row leads to, and never leaves half a file. No value of a person
is in a log, an error or the ledger.

Read `export.py` first: one export from the key to the file. `subject.py` says who it is of and what is left out,
`pointers.py` which columns lead to somebody else, `tables.py` writes rows, `spell.py` says how values are written,
`file.py` makes a file that is whole or not there, `index.py` what people and programs read first.
"""
