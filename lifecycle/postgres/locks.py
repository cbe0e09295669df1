"""Trying again where a lock did not come in time, with ever longer pauses: who is in the way may be about to go."""

import random
import time
from collections.abc import Callable

from psycopg.errors import DeadlockDetected, LockNotAvailable

TRIES = 5

_PAUSE = 0.2
"""Seconds before the second try; doubled each time, with up to as much again at random."""


def patiently(attempt: Callable[[], None]) -> None:
    """Make an attempt, each a transaction of its own, until its locks come.

    Raise LockNotAvailable or DeadlockDetected of the last of TRIES, and at once whatever else it raises.
    """
    for number in range(TRIES - 1):
        try:
            return attempt()
        except (LockNotAvailable, DeadlockDetected):
            time.sleep(_PAUSE * 2**number * (1 + random.random()))  # noqa: S311 - jitter
    return attempt()
