"""Partitions that exist before rows need them, and how one ends.

Knows the grid a policy asks for (grid.py), the bounds a table really has (bounds.py), what is missing between
the two (plan.py, pure) and how to make it without standing in anybody's way (create.py): a table like its parent,
with the parent's row security, policies and grants, attached under a short lock. It decides by bounds, never by
names, and judges afterwards by what the catalog says.

How a partition ends (ends.py, to be read first by who ends one) it knows, and never when: that is a rule of retention.
Never uses PARTITION OF (which locks the parent against readers). Of making partitions, read plan.py first.
"""
