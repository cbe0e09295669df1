"""Reads the clock. The only module that does: everywhere else time is an argument."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the current instant, aware, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds on a clock that never steps, for measuring how long something took."""
    return time.monotonic()
