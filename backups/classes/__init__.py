"""How long dumps are kept, and which of them longer: by day, week and month.

Knows: which weeks and months lack their copy, which dumps are over age, and which slots have none. Never deletes the
newest dump of a class, one while a legal hold stands, or what no `keep` of the policy speaks of. Read `plan.py` first.
"""
