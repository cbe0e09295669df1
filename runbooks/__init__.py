"""What the person on call follows: typed steps with a reason, a command, an expectation and a way back.

Knows its runbooks (`books.py`), what a step is (`step.py`), how the same steps become a page (`page.py`) and how
they are walked through, left and taken up again (`walk.py`, `progress.py`). A step's command is one of this
product's own, started like any program. Never changes anything by itself: what a person may not do with
`lifecycle ...`, a runbook cannot do. Read `run_failed.py` first.
"""
