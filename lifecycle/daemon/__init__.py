"""The daemon: a process that rings, ticks, claims and drains, and answers monitors meanwhile.

`daemon.py` is its life, `turns.py` what is done for one system when a bell rings, `idle.py` a life until nothing is
left to do, `wake.py` the alarm clock, `notify.py` what systemd hears. Never does a job's work and never
decides what is due. Read `daemon.py` first.
"""
