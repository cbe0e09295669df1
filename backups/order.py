"""Holds the dumps' own times against the clock and against the database's log, whose positions only grow. Pure.

A bucket keeps what it is given: a manifest "of the future" would stay the newest for years, and an old dump under a
new date would pass for last night's.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from backups.manifest import Manifest
from lifecycle.outcome import Failure
from lifecycle.words import moment

SKEW = timedelta(minutes=5)
"""How far two machines' clocks may be apart."""

_CLOCKS = "Set the clocks of the daemons' hosts, and see who may write to the bucket."


def failures(dumps: Sequence[Manifest], now: datetime) -> Iterator[Failure]:
    """Yield each dump that is not over yet by what it says, and each that says it is older than one before it."""
    for dumped in dumps:
        if dumped.finished_at > now + SKEW:
            what = f"it says that it was finished at {moment(dumped.finished_at)}, which is still to come"
            yield Failure(dumped.key, what, _CLOCKS)
    for _, written in groupby(sorted(dumps, key=_in_the_log), key=_log):
        for before, after in pairwise(written):
            if after.started_at + SKEW < before.started_at:
                what = f"it says that it is older than {before.key}, and was taken later by the database's log"
                yield Failure(after.key, what, _CLOCKS)


def _log(dumped: Manifest) -> tuple[str, int]:
    """Return which log a dump's position is one of: that of another server or timeline says nothing about it."""
    return dumped.source.system_identifier, dumped.source.timeline or 0


def _in_the_log(dumped: Manifest) -> tuple[str, int, int]:
    high, low = dumped.source.snapshot_lsn.split("/")
    return (*_log(dumped), int(high, 16) << 32 | int(low, 16))
