"""What Object Lock keeps of a person's objects, looked at before the first delete anywhere. Reads only.

Of a bucket without Object Lock one question is asked, of one with it one more for each version. A lock that this key
may not read is not seen here: the store then refuses the delete itself.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from lifecycle import clock
from lifecycle.outside import objects
from lifecycle.outside.object_lock import Lock
from lifecycle.system import System
from lifecycle.words import counted, moment


@dataclass(frozen=True, slots=True)
class Locked:
    """How many versions in one bucket cannot be deleted now: `dated` of them `until` a day, `held` until lifted."""

    versions: int
    dated: int
    until: datetime | None
    held: int

    def said(self, bucket: str) -> str:
        """Return it in words, without a key of an object."""
        parts = [f"{self.dated} until {moment(self.until)}"] if self.until else []
        parts += [f"{self.held} under a legal hold of the store"] if self.held else []
        what = counted(self.versions, "version")
        return f"Object Lock keeps {what} of their objects in {bucket}: {', '.join(parts)}"


def locked(system: System, keys: Mapping[str, tuple[str, ...]]) -> dict[str, Locked]:
    """Return bucket -> what is locked of the objects under these keys, where something is. Raise as `objects` does."""
    if not keys:
        return {}
    found: dict[str, Locked] = {}
    with closing(objects.store(system)) as store:
        for bucket in keys:
            if not store.can_lock(bucket):
                continue
            standing = [
                lock
                for key in keys[bucket]
                for lock in store.locks(bucket, key, store.versions(bucket, key))
                if lock.holds(clock.now())  # by the hour that is: so does the store judge
            ]
            if standing:
                found[bucket] = _together(standing, clock.now())
    return found


def _together(standing: list[Lock], now: datetime) -> Locked:
    dates = [lock.until for lock in standing if lock.until is not None and lock.until > now]
    held = sum(lock.legal_hold for lock in standing)
    return Locked(len(standing), len(dates), max(dates, default=None), held)


def said(found: Mapping[str, Locked]) -> Iterator[str]:
    """Yield what is locked, a bucket in each line."""
    for bucket, one in sorted(found.items()):
        yield one.said(bucket)


def hint(reference: str) -> str:
    """Return what to do about it."""
    return (
        "Nothing was touched. Lift a legal hold or a governance lock, or wait for the date: "
        f"`lifecycle runbooks run object-lock-in-the-way --request {reference}`."
    )
