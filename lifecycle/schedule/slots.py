"""Which slots of a job become runs, and which are recorded as missed. Pure.

Of the slots since the job was last covered:

    later than the job's greatest lateness     missed, whatever the rule
    catch up `last`                            the newest is queued, the others are missed
    catch up `all`                             each is queued
    catch up `none`                            queued if at most a minute late, else missed
    paused                                     all are missed, with the reason of whoever paused
    taken out of the policy                    all are missed: they fell due while it still promised them

A slot that did not run is a row that a compliance officer can see, never a silence. After a very long absence the
newest thousand slots get a row each; the others share one, which says how many it stands for.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import Literal

from lifecycle import cron
from lifecycle.job import Job
from lifecycle.words import counted, moment

ON_TIME = timedelta(minutes=1)
"""A slot that is not later than this was not missed by anybody: a daemon ticks more often."""

LISTED = 1000
"""How many slots of one job get a row of their own at once."""

COUNTED = 100_000
"""How many slots beyond the greatest lateness are counted one by one; what lies between is told as a span."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One row to write. `stands_for` more than one: the first of that many slots, told together."""

    at: datetime
    state: Literal["queued", "missed"]
    reason: str
    stands_for: int = 1


def decide(
    job: Job, timezone: str, covered_until: datetime, now: datetime, paused: str | None
) -> tuple[Slot, ...]:
    """Return what becomes of each slot with covered_until < slot <= now, oldest first.

    A clock that was put back leaves `covered_until` in the future: nothing is due then.
    """
    covered_until, now = covered_until.astimezone(UTC), now.astimezone(UTC)
    horizon = min(now, max(covered_until, now - job.max_lateness))
    due = _due(job.cron, timezone, covered_until, now, horizon)
    return _told(due, now, lambda at, newest: _judge(job, at, newest, now, paused))


def taken_out(
    cron_was: str, timezone: str, covered_until: datetime, now: datetime, paused: str | None
) -> tuple[Slot, ...]:
    """Return the slots of a job that the policy offers no more with covered_until < slot <= now: all are missed."""
    reason = _paused(paused) if paused else "the policy took this job out before anybody ran it"
    covered_until, now = covered_until.astimezone(UTC), now.astimezone(UTC)
    due = _due(cron_was, timezone, covered_until, now, now)
    return _told(due, now, lambda at, _newest: Slot(at, "missed", reason))


def _told(
    due: Iterator[datetime], now: datetime, judge: Callable[[datetime, datetime], Slot]
) -> tuple[Slot, ...]:
    """Return a row for each of the newest slots, before them one for all that are older."""
    first: datetime | None = None
    last_untold = now
    total = 0
    newest: deque[datetime] = deque(maxlen=LISTED)
    for at in due:
        first = first or at
        if len(newest) == LISTED:
            last_untold = newest[0]
        total += 1
        newest.append(at)
    told = tuple(judge(at, newest[-1]) for at in newest)
    untold = total - len(newest)
    if first is None or untold == 0:
        return told
    reason = f"{counted(untold, 'slot')} up to {moment(last_untold)} not run; this row stands for all of it"
    return (Slot(first, "missed", reason, untold), *told)


def _due(
    expression: str, timezone: str, covered_until: datetime, now: datetime, horizon: datetime
) -> Iterator[datetime]:
    """Yield what is due; of the slots up to `horizon`, which nobody will run, no more than can be counted."""
    hopeless = cron.slots(expression, timezone, covered_until, horizon)
    return chain(islice(hopeless, COUNTED), cron.slots(expression, timezone, horizon, now))


def _paused(reason: str) -> str:
    return f"the schedule was paused: {reason}"


def _judge(job: Job, at: datetime, newest: datetime, now: datetime, paused: str | None) -> Slot:
    late = now - at
    if paused is not None:
        return Slot(at, "missed", _paused(paused))
    if late > job.max_lateness:
        return Slot(at, "missed", f"nobody ran it within {job.max_lateness}")
    if job.catch_up == "last" and at != newest:
        return Slot(at, "missed", f"the slot of {moment(newest)} ran instead")
    if job.catch_up == "none" and late > ON_TIME:
        return Slot(at, "missed", "nobody ran it in time, and this job is not caught up")
    return Slot(at, "queued", "due")
