"""What the schedule said from when to when: one row per policy and release that daemons worked by.

Two daemons with different policies must not both make runs. The newer one's generation holds; the older one stands
down for as long as a daemon lives by the newer, and may come back (a new generation, by an old policy) once none does:
that is how a release is rolled back. Never decides which slots are due.
"""

# ruff: noqa: S608 - put together of constants only: each is a LiteralString, and pyright holds that

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

_SAME = """
    system = %(system)s and policy = %(policy)s and version = %(version)s and timezone = %(timezone)s
    and jobs = %(jobs)s
"""
_TOUCH = f"""
    update lifecycle.generation set lives_until = clock_timestamp() + %(lives)s
     where {_SAME} and until is null
 returning id
"""
_HOLDS = """
    select policy, version, timezone, jobs, since, until, lives_until > clock_timestamp(), clock_timestamp() - since
      from lifecycle.generation where system = %(system)s and until is null
       for update
"""
_KNOWN = f"select exists (select from lifecycle.generation where {_SAME})"
_END = """
    update lifecycle.generation set until = greatest(since, %(now)s) where system = %(system)s and until is null
"""
_BEGIN = """
    insert into lifecycle.generation (system, policy, version, timezone, jobs, since, lives_until)
    select %(system)s, %(policy)s, %(version)s, %(timezone)s, %(jobs)s,
           greatest(%(now)s, (select max(since) from lifecycle.generation where system = %(system)s)),
           clock_timestamp() + %(lives)s
        on conflict (system) where until is null do nothing
"""
_ALL = """
    select policy, version, timezone, jobs, since, until from lifecycle.generation
     where system = %(system)s order by id
"""
_PAUSES = (
    "select job, since, until, reason from lifecycle.pause where system = %(system)s order by since"
)
_COVERED = "select job, covered_until from lifecycle.schedule where system = %(system)s"
_INSTALLED = (
    "select created_at, clock_timestamp() from lifecycle.installation where system = %(system)s"
)


@dataclass(frozen=True, slots=True)
class Timetable:
    """What one policy and release make of the schedule. `jobs` maps each job to its cron expression."""

    policy: str
    version: str
    timezone: str
    jobs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Generation:
    """A timetable and the time in which it held: since < slot <= until; None: it still does."""

    timetable: Timetable
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which somebody kept a job from running; `until` None: it is still paused."""

    job: str
    since: datetime
    until: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class History:
    """All that the ledger knows of one system's schedule, as it was at `now` by the database's clock.

    `covered` is up to when each job's slots have been turned into runs; `installed` when the ledger was made.
    """

    installed: datetime
    now: datetime
    generations: tuple[Generation, ...]
    pauses: tuple[Pause, ...]
    covered: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Standing:
    """Which timetable holds. `newer` is set when it is another's, which holds for `newer_for` already.

    `former` is the one that this call ended, if it did.
    """

    newer: Timetable | None = None
    newer_for: timedelta = timedelta(0)
    former: Timetable | None = None


def hold(
    conn: Connection[TupleRow], system: str, ours: Timetable, now: datetime, lives: timedelta
) -> Standing:
    """Let this timetable hold, if it does already, is new, or nobody lives by the one that does.

    A daemon that was not heard for `lives` does not live any more.
    """
    values = {
        "system": system,
        "policy": ours.policy,
        "version": ours.version,
        "timezone": ours.timezone,
        "jobs": Jsonb(dict(ours.jobs)),
        "now": now,
        "lives": lives,
    }
    with conn.transaction():
        if conn.execute(_TOUCH, values).fetchone() is not None:
            return Standing()
        row = conn.execute(_HOLDS, values).fetchone()
        if row is None:  # the first of all, or another daemon's, which has just begun
            conn.execute(_BEGIN, values)
            row = conn.execute(_HOLDS, values).fetchone()
            assert row is not None
        holds = Timetable(*row[:4])
        if holds == ours:
            return Standing()
        known = conn.execute(_KNOWN, values).fetchone()
        if row[6] and known and known[0]:
            return Standing(newer=holds, newer_for=row[7])
        conn.execute(_END, values)
        conn.execute(_BEGIN, values)
    return Standing(former=holds)


def history(conn: Connection[TupleRow], system: str) -> History | None:
    """Return the history of the schedule, or None where `lifecycle init` has not registered this system."""
    values = {"system": system}
    row = conn.execute(_INSTALLED, values).fetchone()
    if row is None:
        return None
    generations = conn.execute(_ALL, values).fetchall()
    installed, now = row
    return History(
        installed,
        now,
        tuple(Generation(Timetable(*g[:4]), g[4], g[5]) for g in generations),
        tuple(Pause(*pause) for pause in conn.execute(_PAUSES, values).fetchall()),
        dict(conn.execute(_COVERED, values).fetchall()),
    )
