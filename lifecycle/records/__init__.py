"""The ledger's own records: kept for as long as promised, and dropped when they are proven to be elsewhere.

Knows how long the ledger is kept (section.py), which months are over age (age.py, plan.py, pure), how a month is
written down (export.py), signed (manifest.py), put into a bucket and fetched back (shelf.py), and how anybody proves
such an export without this machine (prove.py). A month leaves (retire.py) only after what the bucket has was read back
and found to be what the ledger has, signature included.

Never drops a month that is not over age, a run that has not ended, or anything of the application. What may be dropped
at all the database itself decides: `lifecycle.drop_month`. Read plan.py first.
"""
