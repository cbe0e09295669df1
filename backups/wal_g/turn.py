"""Which older point and which base backup are drilled in turn: the oldest, one at random, the newest delta. Pure.

Each Sunday proves that one comes back to the newest point. What lies before it is proven by nothing but a drill of its
own: the oldest point that can be come back to is the end of what is promised, one at random finds what nobody thought
of, and a delta is put together of others. One at random is drawn by the run's slot: the same run again is the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Literal

from backups.wal_g import listing
from backups.wal_g.listing import Backup, Chosen
from lifecycle.errors import NotFound, Unproven

Which = Literal["oldest", "random", "delta"]
WHICH: tuple[Which, ...] = ("oldest", "random", "delta")


@dataclass(frozen=True, slots=True)
class Turn:
    """What is drilled; None: whatever it is the turn of, by the week of its slot."""

    which: Which | None
    slot: datetime

    def told(self, backups: Sequence[Backup]) -> Which:
        """Return whose turn it is. Raise NotFound where a delta is asked for and there is none."""
        deltas = any(one.is_delta for one in backups)
        if self.which == "delta" and not deltas:
            raise NotFound(
                "there is no delta to be drilled",
                hint="Every base backup is a full one: WAL-G's `WALG_DELTA_MAX_STEPS`. Take another turn.",
            )
        turns = WHICH if deltas else WHICH[:-1]
        return self.which or turns[self.slot.toordinal() // 7 % len(turns)]


def aims(which: Which, slot: datetime, keys: Sequence[str], since: datetime) -> tuple[str, ...]:
    """Return the records to come back to, the first that will do: none from before `since`. Raise Unproven without one.

    `keys` are the records in the store, the oldest first; `since` is when the oldest base backup was finished.
    """
    there = [key for key in keys if (at := written(key)) is not None and at >= since]
    if not there:
        raise Unproven(
            "no restore point's record in the store is of after the oldest base backup",
            hint="See why `backups.point` leaves none, and who removes them.",
        )
    if which == "delta":
        return tuple(reversed(there))
    if which == "random":
        Random(slot.astimezone(UTC).isoformat()).shuffle(there)  # noqa: S311 - drawn again, it is the same
    return tuple(there)


def written(key: str) -> datetime | None:
    """Return when a record was written, by its name; None where it has another one."""
    try:
        return datetime.strptime(key.rpartition("/")[2][:16] + "+0000", "%Y%m%dT%H%M%SZ%z")
    except ValueError:
        return None


def base(which: Which, backups: Sequence[Backup], lsn: int, identifier: int) -> Chosen:
    """Return the base backup to begin at. Raise Unproven where there is none, or something it builds on is gone."""
    chosen = listing.newest_before(backups, lsn, identifier)
    if which != "delta" or chosen.backup.is_delta:
        return chosen
    ours = listing.of_server(backups, identifier)
    deltas = [one for one in ours if one.is_delta and one.finish_lsn <= lsn]
    if not deltas:
        return chosen
    return Chosen(deltas[-1], tuple(listing.chain(deltas[-1], backups)))
