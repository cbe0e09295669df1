"""Is each job's last success as recent as its schedule promises?

Success is to end with nothing found wrong and nothing in the way; limits of the program, the same every night, do not
make a job overdue. Pure but for `jobs`, which reads the ledger. Never trusts that a daemon runs: it looks at what
succeeded.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from functools import lru_cache

from lifecycle import cron, rooms, show, words
from lifecycle.job import Job
from lifecycle.ledger import fences, standing
from lifecycle.ledger.standing import Standing
from lifecycle.postgres.patient import PATIENCE
from lifecycle.system import System

LOOKED = timedelta(minutes=10)
"""How old a slot may be that no daemon has looked at: a restart of one, or of its database, takes less."""


class State(IntEnum):
    """What a monitor makes of it, from well to worst known; the numbers are those of Nagios."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Judged:
    """One job: how it stands, why, and the ages of its last success from which on it is worse."""

    system: str
    job: str
    state: State
    why: str
    age: timedelta | None
    warn: timedelta
    crit: timedelta


def expected_interval(expression: str, timezone: str, now: datetime) -> timedelta:
    """Return the longest pause between two slots that the schedule has from now on.

    `0 3 * * 1-5` pauses from Friday to Monday: 72 hours, and no alarm on Sunday.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    with _one_at_a_time:  # many systems ask the same at the same time, and it may take a second
        return _longest_pause(expression, timezone, hour)


_one_at_a_time = threading.Lock()


@lru_cache(maxsize=4096)
def _longest_pause(expression: str, timezone: str, hour: datetime) -> timedelta:
    # 8 days show every weekly pattern, 13 slots every monthly one.
    longest, last, seen = timedelta(0), None, 0
    end = hour + timedelta(days=366 * 5)
    for slot in cron.slots(expression, timezone, hour, end):
        if last is not None:
            longest = max(longest, slot - last)
        last, seen = slot, seen + 1
        if seen >= 13 and slot > hour + timedelta(days=8):
            break
    return longest or timedelta(days=366)


def judge(system: str, timezone: str, job: Job, found: Standing | None, now: datetime) -> Judged:
    """Return how `job` stands. Critical: it failed, or its second success in a row is overdue."""
    pause = expected_interval(job.cron, timezone, now)
    warn, crit = pause + job.limit, 2 * pause + job.limit
    since = (found.succeeded or found.since) if found else None
    age = now - since if since else None
    state, why = _opinion(found, age, warn, crit)
    if state is State.OK and found and (slot := _left(job, timezone, found, now)):
        state = State.WARNING
        why = f"its slot of {words.moment(slot)} was left where it is: is a daemon running?"
    succeeded = found.succeeded if found else None
    return Judged(system, job.name, state, why, now - succeeded if succeeded else None, warn, crit)


def _left(job: Job, timezone: str, found: Standing, now: datetime) -> datetime | None:
    """Return the first slot of which nobody has made a run, though it is past: who would look is not there."""
    if found.seen_to is None:
        return None
    slot = cron.next_slot(job.cron, timezone, found.seen_to)
    return slot if slot is not None and slot < now - LOOKED else None


def _opinion(
    found: Standing | None, age: timedelta | None, warn: timedelta, crit: timedelta
) -> tuple[State, str]:
    if found is None or age is None:
        return State.WARNING, "it has never run: is a daemon running?"
    last = show.cell(age)
    never = "" if found.succeeded else "it has never succeeded; "
    if found.verdict == "fail":
        return State.CRITICAL, f"{never}its newest run failed"
    if age > warn:
        state = State.CRITICAL if age > crit else State.WARNING
        return state, never + f"no success for {last}, expected within {show.cell(warn)}"
    if found.paused:
        return State.WARNING, f"paused: {found.pause_reason or 'no reason given'}"
    if found.verdict == "could not verify" or found.state in ("lost", "missed", "cancelled"):
        return State.WARNING, f"its newest run: {found.verdict or found.state}"
    return State.OK, f"succeeded {last} ago" if found.succeeded else "its first run is not done yet"


def jobs(system: System, now: datetime) -> Iterator[Judged]:
    """Judge every job of `system` by its ledger, and first what keeps them from it. Raise as `System.connect`."""
    with system.connect("check", write=False, patience=PATIENCE) as conn:
        known = standing.read(conn, system.name)
        fenced = fences.standing(conn, system.name)
    for fence in fenced:
        why, no_age = f"{fence.why}. {fence.hint}", timedelta(0)
        yield Judged(system.name, "fence", State.CRITICAL, why, None, no_age, no_age)
    yield from judged(system, rooms.jobs(system.policy), known, now)


def judged(
    system: System, offered: Sequence[Job], known: Mapping[str, Standing], now: datetime
) -> Iterator[Judged]:
    """Judge these jobs by what is known of them."""
    for job in offered:
        yield judge(system.name, system.policy.timezone, job, known.get(job.name), now)
