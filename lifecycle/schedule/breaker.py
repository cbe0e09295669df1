"""Whether one system can be worked with: closed while its ticks come round, open (dark) from the first that does not.

A dark system is asked less and less often, and closes at the first tick that reached its database *and wrote* there.
Only what a daemon keeps in mind: it decides nothing about slots, and is pure but for what it remembers.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lifecycle.errors import LifecycleError

LONGEST = 4
"""A dark system is asked again after 1, 2, 4 ticks, and then every 4."""


@dataclass(frozen=True, slots=True)
class Dark:
    """Since when a system cannot be worked with, why, and what to do."""

    since: datetime
    error: LifecycleError


class Breaker:
    """One system's, in one daemon. `moment`s are seconds on the monotonic clock."""

    def __init__(self, every: timedelta, now: datetime) -> None:
        self.reached: datetime | None = None
        """When a tick last reached the database and wrote there."""
        self.dark: Dark | None = Dark(
            now, LifecycleError("it has not been looked at yet", hint="Wait for the first tick.")
        )
        self._every = every.total_seconds()
        self._failures = 0
        self._again = 0.0
        self._good: float | None = None

    def allows(self, moment: float) -> bool:
        """Say whether it may be asked now."""
        return moment >= self._again

    def close(self, now: datetime, moment: float) -> Dark | None:
        """Take note of a tick that came round; return what it ended, if the system was dark."""
        ended = self.dark if self._failures else None
        self.reached, self._good, self.dark = now, moment, None
        self._failures, self._again = 0, 0.0
        return ended

    def open(self, error: LifecycleError, now: datetime, moment: float) -> None:
        """Take note of one that did not. `since` stays that of the first."""
        since = self.dark.since if self.dark and self._failures else now
        self.dark = Dark(since, error)
        self._failures += 1
        # A little less than a tick, so that the bell that rings every tick is heard.
        pause = self._every * min(2 ** (self._failures - 1), LONGEST)
        self._again = moment + pause - self._every / 2

    def overdue(self, limit: timedelta, now: datetime, moment: float) -> Dark | None:
        """Return what it is like: dark also when no tick has come back for `limit`, neither well nor badly."""
        if (
            self.dark is not None
            or self._good is None
            or moment - self._good <= limit.total_seconds()
        ):
            return self.dark
        error = LifecycleError(
            "its tick does not come round",
            hint="Look what the daemon waits for: a name server, a file system with the secrets.",
        )
        return Dark(self.reached or now, error)
