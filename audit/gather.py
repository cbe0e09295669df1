"""Reads in one snapshot what one report speaks of: the ledger, and what each room must read itself. Decides nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import rooms
from lifecycle.chapter import Facts
from lifecycle.ledger import generations, reading
from lifecycle.ledger.generations import History
from lifecycle.ledger.reading import Period
from lifecycle.postgres import connect
from lifecycle.schedule.expected import Expected, Grey, expected
from lifecycle.system import System


def period(system: System, own: int, slot: datetime, now: datetime) -> tuple[datetime, datetime]:
    """Return the period of a scheduled report: the day before its slot, everything since the last report, up to now.

    In whole seconds, so that what the ledger remembers of it is exact.
    """
    with system.connect("audit.report", write=False) as conn:
        last = reading.last_count(
            conn, system.name, "audit.report", "audit.reported", "to_epoch", own=own
        )
    day = slot - timedelta(days=1)
    since = day if last is None else min(day, datetime.fromtimestamp(last, UTC))
    return since.replace(microsecond=0), now.replace(microsecond=0)


def gather(system: System, version: str, own: int, since: datetime, to: datetime) -> Facts:
    """Return the facts of `[since, to)`. Raise as `System.connect` and `connect.explain` say."""
    period = Period(system.name, own, since, to)
    try:
        with system.snapshot("audit.report") as conn:
            return _facts(conn, system, version, period)
    except psycopg.Error as error:
        raise connect.explain(error) from None


def _facts(conn: Connection[TupleRow], system: System, version: str, period: Period) -> Facts:
    return Facts(
        system=system.name,
        database=system.policy.database,
        policy_digest=system.policy_digest,
        version=version,
        own=period.own,
        since=period.since,
        to=period.to,
        runs=reading.runs(conn, period),
        evidence=reading.evidence(conn, period),
        schedule=_schedule(conn, system, period),
        of_rooms=dict(_of_rooms(conn, system, period)),
    )


def _schedule(conn: Connection[TupleRow], system: System, period: Period) -> dict[str, Expected]:
    """Return what was expected of every job that is or was offered. The slot of this report is not over yet."""
    offered = {job.name for job in rooms.jobs(system.policy)}
    history = generations.history(conn, system.name)
    if history is None:
        why = "this database was not given to the system: `lifecycle init` has not run"
        return {job: Expected((), (Grey(period.since, period.to, why),)) for job in offered}
    own = reading.slot(conn, period)
    former = {job for generation in history.generations for job in generation.timetable.jobs}
    return {
        job: _without(own, job, expected(history, job, period.since, period.to))
        for job in sorted(former)
    } | {job: _not_kept(history, job, period) for job in sorted(offered - former)}


def _not_kept(history: History, job: str, period: Period) -> Expected:
    """Return that nothing is known: the policy offers the job, and no daemon has ever kept its schedule."""
    before = expected(history, job, period.since, period.to).grey
    why = "no daemon keeps the schedule of this job yet"
    return Expected((), before or (Grey(period.since, period.to, why),))


def _without(own: tuple[str, datetime] | None, job: str, found: Expected) -> Expected:
    return replace(found, slots=tuple(slot for slot in found.slots if (job, slot.at) != own))


def _of_rooms(
    conn: Connection[TupleRow], system: System, period: Period
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for room, module in rooms.load("chapter"):
        if hasattr(module, "gather"):
            yield room, module.gather(conn, system, period.since, period.to)
