"""Which damage to a backup is seen by whom: `python -m bench.detection` makes each, lets each look, writes the table.

`damage.py` is what is done to a backup, `look.py` who looks, `page.py` the page. No cell of it is written by hand.
"""
