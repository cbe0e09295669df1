"""Administration: `lifecycle init` lets the service into a database, `lifecycle doctor` says what is wrong with that.

`install.py` makes schema, logins and grants, `doctor.py` asks everything. Never works on anybody's rows. Read
`install.py` first.
"""
