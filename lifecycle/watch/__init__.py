"""What the outside hears of the service: alerts, pings, figures, a page, `lifecycle check`.

Knows the channels and how each fails. Never decides what deserves an alert (the ledger's writers do), and never says
anything about a person. Read `alert.py` first.
"""
