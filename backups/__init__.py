"""What is copied out of the database, and how a copy is proven.

Knows: how to take a dump in one snapshot together with the exact counts of that snapshot (`dump.py`), how to
restore the newest one into a private scratch server and compare (`drill.py`), what lies in the bucket
(`shelf.py`), what a dump says about itself (`manifest.py`, signed by `seal.py`), and what of its server lies beside it
(`roles.py`). A dump without its manifest does not exist: the
manifest is written last, after the stored bytes have been compared with those sent. `classes/` keeps days, weeks and
months as long as the policy says; `way_back/` brings a database back onto an empty server.

Never does: delete a dump that no `keep` of the policy speaks of, write to the managed database, restore into
anything but a scratch server it made itself or one that is empty. Read `dump.py` first, then `drill.py`.
"""
