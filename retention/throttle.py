"""Keeps who reads the WAL close behind: deleting is faster than any standby can follow.

Asked before each batch. Seen are all replication slots in use (standbys, subscribers, change data capture), which any
login may see, and standbys without one where the service's login is a member of pg_monitor. A slot that nobody uses
holds up nothing.
"""

import time
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock, progress
from lifecycle.errors import DeadlineExceeded
from lifecycle.policy.model import Limits
from retention import statements

MB = 2**20

PATIENCE = 300.0
"""Seconds that a run waits for standbys, all its rules together."""

LONGEST = 10.0
"""Seconds that a batch waits at most for the rate: what others write counts, too, and may be any amount."""

_LOOK = 1.0
"""Seconds between two looks at a standby that is behind."""


@dataclass(slots=True)
class Throttle:
    """What one run has waited, in seconds, and how much WAL the server had written at a moment, in bytes."""

    conn: Connection[TupleRow]
    limits: Limits
    waited: float = 0.0
    _last: tuple[int, float] | None = None

    def wait(self) -> None:
        """Return when the next batch may go. Raise DeadlineExceeded when a standby stays behind; psycopg.Error."""
        most = self.limits.standby_behind_mb * MB
        while True:
            behind, name, written = self.conn.execute(
                statements.BEHIND, prepare=True
            ).fetchone() or (0, "", 0)
            if behind <= most:
                break
            if self.waited >= PATIENCE:
                raise DeadlineExceeded(
                    f"standby {name} is {behind // MB:,} MB of WAL behind, and {PATIENCE:.0f} seconds did not help",
                    hint="What is left ends in the next run. `limits.standby_behind_mb` says how far one may be.",
                )
            progress.phase(f"retention.expire: wait for standby {name}")
            time.sleep(_LOOK)
            self.waited += _LOOK
        if self.limits.wal_mb_per_second is not None and self._last is not None:
            before, at = self._last
            due = (written - before) / (self.limits.wal_mb_per_second * MB)
            time.sleep(max(0.0, min(LONGEST, due - (clock.monotonic() - at))))
        self._last = written, clock.monotonic()
