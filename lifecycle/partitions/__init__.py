"""Partitions that exist before rows need them.

Knows the grid a policy asks for (grid.py), the bounds a table really has (bounds.py), what is missing between
the two (plan.py, pure) and how to make it without standing in anybody's way (create.py): a table like its parent,
with the parent's row security, policies and grants, attached under a short lock. It decides by bounds, never by
names, and judges afterwards by what the catalog says.

Never detaches, drops, renames or adopts anything, never uses PARTITION OF (which locks the parent against
readers), never moves a row. Read plan.py first.
"""
