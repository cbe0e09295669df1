"""How many rows go in one transaction: so many that they take a moment, whatever hangs on them.

Only what the rows take counts, with their triggers: what every transaction waits for and asks before and after them
becomes no shorter with fewer rows. Were it counted, a busy server would be given a transaction for each row.
"""

from dataclasses import dataclass
from datetime import timedelta

from lifecycle import clock

SHORT = timedelta(milliseconds=50)
LONG = timedelta(milliseconds=100)
"""How long the rows of a transaction should take: whoever waits for one of them waits little longer than that."""

FASTER = 10
"""How many times as many rows go next, at most: after the first ten, five transactions are enough for any table."""

_LEAST = timedelta(microseconds=1)


@dataclass(slots=True)
class Pace:
    """The rows of the next transaction. It begins small: what a row costs, its triggers decide."""

    rows: int = 10

    def since(self, began: float, rows: int) -> None:
        """Learn that `rows` have taken from `began`, by the monotonic clock, until now: half as many next, or more.

        Of what took a moment, so many more as would take SHORT, at least twice and at most FASTER times as many.
        """
        took = timedelta(seconds=clock.monotonic() - began)
        if took > LONG:
            self.rows = max(1, min(rows, self.rows) // 2)
        elif took < SHORT and rows >= self.rows // 2:
            self.rows *= max(2, min(FASTER, SHORT // max(took, _LEAST)))
