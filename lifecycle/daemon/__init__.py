"""The daemon: a process that rings, ticks, claims and drains, and answers monitors meanwhile.

`daemon.py` is its life, `wake.py` the alarm clock, `notify.py` what systemd hears. Never does a job's work and never
decides what is due. Read `daemon.py` first.
"""
