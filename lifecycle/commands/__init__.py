"""The ground's own commands: `policy`, `daemon`, `worker`, `run`, `schedule`, `runs`. They print; they decide nothing.

Each room brings commands of its own (`<room>/cli.py`). Never imported by what they command. Read `schedule.py` first.
"""
