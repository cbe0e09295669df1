"""What the person on call follows: typed steps with a reason, a command, an expectation and a way back.

Knows what a book and a step are (`book.py`, `step.py`), how the same steps become a page (`page.py`) and how they
are walked through, left and taken up again (`walk.py`, `progress.py`); each book is one module in `books/`. A step's
command is one of this product's own, started like any program. Never changes anything by itself: what a person may
not do with `lifecycle ...`, a runbook cannot do. Read `books/run_failed.py` first.
"""
