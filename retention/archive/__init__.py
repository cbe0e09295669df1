"""What leaves the database and is kept all the same: rows in a bucket, as Parquet, until their time there is over.

Knows: how rows of one table become an object with every value exactly as PostgreSQL has it (`write.py`, `parquet.py`),
what an archive says about itself (`manifest.py`), where it lies (`shelf.py`), and how it is fetched back, loaded and
compared with what is still in the table (`prove.py`). Nothing is dropped or deleted for an archive that was not proven.

Rows come back by `restore.py`, without whoever was forgotten since (`left_out.py`), as far as they fit the table
(`fitting.py`, pure).

An archive ends when the time that its rule keeps it is over, and no row of it is on hold (`end.py`).

Never deletes a row of an application, never overwrites an archive: its name is the SHA-256 of its bytes. Read
`write.py` first, then `prove.py`, then `restore.py`.
"""
