"""The systems that come with the product, each with its schema, policy and sample data.

Knows nothing of how a promise is kept: a system here is what any customer's would be. Read `shipped.py` first, then a
system's own `__init__.py`: it lists where its owner's document contradicts itself and what was chosen.

    shipped.py    what each system brings for a demo and for tests, and which systems there are
    rows.py       makes the rows of a sample, always the same ones for a seed and a moment
    objects.py    writes a sample's objects into S3
    canaries.py   finds every value of a sample that must not turn up in a log, a ledger or a report
"""
