"""The stand-ins that the demo and the tests run against: an S3 server and a Stripe double on loopback.

It knows how these services behave and nothing of our policies. The product never imports it; only
`lifecycle/demo.py` and the tests do. Read `child.py` first: how a stand-in is started and ends.
"""
