"""How many rows go in one transaction: so many that it takes a moment, whatever hangs on them. Pure."""

from dataclasses import dataclass
from datetime import timedelta

SHORT = timedelta(milliseconds=50)
LONG = timedelta(milliseconds=100)
"""How long a transaction should take: whoever waits for one of its rows waits no longer than that."""


@dataclass(slots=True)
class Pace:
    """The rows of the next transaction. It begins small: what a row costs, its triggers decide."""

    rows: int = 10

    def took(self, rows: int, took: timedelta) -> None:
        """Learn from a transaction that ended `rows`: twice as many next time, or half."""
        if took > LONG:
            self.rows = max(1, min(rows, self.rows) // 2)
        elif took < SHORT and rows >= self.rows // 2:
            self.rows *= 2
