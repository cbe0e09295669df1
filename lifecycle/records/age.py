"""How old a month of the ledger is. Pure. A month is named by its first day, and is a month of UTC."""

from datetime import UTC, date, datetime

from lifecycle.config.span import Span


def name(first: date) -> str:
    """Return a month as evidence and people have it: `2019-05`."""
    return f"{first:%Y-%m}"


def end(first: date) -> datetime:
    """Return the instant at which the next month begins."""
    year, month = divmod(first.year * 12 + first.month, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)


def leaves(first: date, keep: Span) -> datetime:
    """Return from when on the month is over age: its whole length has then been kept for `keep`."""
    return keep.after(end(first))
