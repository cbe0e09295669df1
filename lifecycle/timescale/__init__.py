"""Hypertables of TimescaleDB's: what is old is compressed, by us, and by nobody's worker.

Knows how the policy wants each hypertable cut and compressed (section.py), what stands (survey.py), which chunks are
due and what cannot be kept at all (plan.py, pure), and how a chunk is compressed (compress.py). It never ends a row,
never cuts a chunk anew, and trusts no job of the extension's: it looks at chunks. Read plan.py first.
"""
