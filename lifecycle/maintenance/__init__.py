"""What PostgreSQL keeps fresh only if somebody tells it to: materialized views, and the planner's statistics.

Knows which views there are and which of them reads which (survey.py), in what order they are made anew (plan.py,
pure), and how to do that beside their readers (refresh.py). ANALYZE is analyze.py's. It never changes a row of a
table, and lets nobody wait longer than an instant: a view that can be made anew neither beside its readers nor in an
instant stays as it was and is named. Read plan.py first.
"""
