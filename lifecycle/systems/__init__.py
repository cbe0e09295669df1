"""The systems that come with the product, each with its schema, policy and sample data.

Knows nothing of how a promise is kept: a system here is what any customer's would be. Read a system's own
`__init__.py` first; it lists where its owner's document contradicts itself and what was chosen.
"""
