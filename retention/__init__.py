"""What is kept no longer than promised.

Knows when a row's time is over (cutoff.py, pure), how much is overdue now (survey.py), which rules would be
carried out (plan.py, pure) and how to carry them out in small batches (expire.py). It judges by counting again
afterwards what is overdue, never by how the run went.

Partitions that end whole go beside it, in the same run: which they are (parts.py, pure), what stands alone since it was
taken off (alone.py), what is done with them (plan_parts.py, pure; expire_parts.py), and what is left (judge_parts.py).

Nothing goes without a written rule, a floor and a cap; a row without a date is never touched; a delete that
would reach other tables by a foreign key is refused. Never touches the audit log. Read plan.py first.
"""
