"""How many runs a daemon carries out at the same time, so that nobody takes the others' places.

One place is each system's own: a database that is slow for hours, or froze a moment ago, holds up no other's runs. A
run of a dark system does not count: it waits for that database, and ends itself when its heartbeat is not heard.
"""

import threading
from datetime import datetime

from lifecycle import clock
from lifecycle.schedule.state import DaemonState


class Places:
    """The places of one daemon: `count` in all, and one for each system that has none of them."""

    def __init__(self, state: DaemonState, count: int) -> None:
        self._state = state
        self._count = count
        self._lock = threading.Lock()
        self._taken: dict[object, str] = {}
        self._waiting: set[str] = set()

    def free(self, system: str) -> bool:
        """Say whether a run of `system` would find a place; if not, its bell is rung when one is given back."""
        with self._lock:
            self._waiting.add(system)
            if self._free(system, clock.now()):
                self._waiting.discard(system)
                return True
            return False

    def take(self, key: object, system: str) -> bool:
        """Take a place for a run; return False when there is none left."""
        with self._lock:
            if not self._free(system, clock.now()):
                self._waiting.add(system)
                return False
            self._taken[key] = system
            return True

    def give_back(self, key: object) -> None:
        """Free the place, if it is taken, and ring for the systems that found none."""
        with self._lock:
            self._taken.pop(key, None)
            waiting, self._waiting = self._waiting, set()
        for name in waiting:
            self._state.work[name].set()

    def _free(self, system: str, now: datetime) -> bool:
        if system not in self._taken.values():
            return True
        counted = [s for s in self._taken.values() if self._state.dark(s, now) is None]
        return len(counted) < self._count
