"""Which slots the schedule expected of a job in a period, by its history. Pure.

What was recorded is compared with this: a slot that is expected and not on the ledger is a gap, and not a day on
which nothing was due. Where nobody can say, it says so: before the installation, in the future, and where no daemon
has looked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from lifecycle import cron
from lifecycle.ledger.generations import Generation, History

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ExpectedSlot:
    """A slot that must be on the ledger; `paused` holds the reason of whoever kept it from running."""

    at: datetime
    paused: str | None


@dataclass(frozen=True, slots=True)
class Grey:
    """A part of the period, [since, to), of which nothing can be said, and why."""

    since: datetime
    to: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What the schedule asked of one job in a period, in order of time."""

    slots: tuple[ExpectedSlot, ...]
    grey: tuple[Grey, ...]


def expected(history: History, job: str, since: datetime, to: datetime) -> Expected:
    """Return the slots of `job` with since <= slot < to, and the parts of the period that are grey."""
    began = min((g.since for g in history.generations), default=history.now)
    grey = [
        Grey(since, min(to, history.installed), "the ledger was not installed yet"),
        Grey(
            max(since, history.installed),
            min(to, began),
            "no daemon had begun to keep the schedule",
        ),
    ]
    grey += _kept_by_nobody(history, since, to)
    covered = min(history.covered.get(job, began), history.now)
    asked = list(_slots(history, job, since, min(to, history.now + _INSTANT)))
    seen = [at for at in asked if at <= covered]
    if len(seen) < len(asked):
        why = "no daemon has looked what was due"
        grey.append(Grey(max(since, covered), min(to, history.now), why))
    grey.append(Grey(max(since, history.now), to, "it has not come yet"))
    return Expected(
        tuple(ExpectedSlot(at, _paused(history, job, at)) for at in seen),
        tuple(part for part in grey if part.since < part.to),
    )


def _slots(history: History, job: str, since: datetime, to: datetime) -> Iterator[datetime]:
    for generation in history.generations:
        if job in generation.timetable.jobs:
            yield from _of(generation, job, since, to)


def _kept_by_nobody(history: History, since: datetime, to: datetime) -> Iterator[Grey]:
    """Yield the time between a timetable that ended and the next one, where they do not meet."""
    for former, later in pairwise(history.generations):
        if former.until is not None and former.until < later.since:
            start, end = max(since, former.until), min(to, later.since)
            yield Grey(start, end, "no daemon kept the schedule")


def _of(generation: Generation, job: str, since: datetime, to: datetime) -> Iterator[datetime]:
    after = max(generation.since, since - _INSTANT)
    until = min(generation.until or to, to - _INSTANT)
    timetable = generation.timetable
    yield from cron.slots(timetable.jobs[job], timetable.timezone, after, until)


def _paused(history: History, job: str, at: datetime) -> str | None:
    for pause in history.pauses:
        if pause.job == job and pause.since <= at and (pause.until is None or at <= pause.until):
            return pause.reason
    return None
