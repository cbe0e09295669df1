"""The figures of the README, measured: each the ratio of two things timed in turn within one run.

`python -m bench` runs all, `python -m bench catalog claims` some. Every part prints medians with spread; none
judges. Read `timing.py` first.
"""
