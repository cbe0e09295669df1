"""Reads what is there: the months of the ledger and whether each is whole, and whether those over age could leave."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.config.span import Span
from lifecycle.errors import LifecycleError, NotFound
from lifecycle.ledger import months
from lifecycle.outcome import Failure
from lifecycle.outside import objects, signing
from lifecycle.postgres import connect
from lifecycle.records import age, statements
from lifecycle.records.section import SECTION
from lifecycle.system import System
from lifecycle.words import counted

KINDS = ("runs", "attempts", "evidence", "alerts")
"""What a month holds, in the order of `statements.COUNT`."""


PARTS = {"evidence": "its evidence", "attempt": "the history of its runs"}
"""The tables that a month is a partition of, and what its part of each is called."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The ledger as it was: bytes of each month by its first day, and how much each month over age holds, by KINDS.

    `kept_for` is how long the database itself keeps a month. `torn` says of each month that is not whole what is
    missing. `lacking` says why no month could be exported, if none could. `only`: look at this month alone.
    """

    months: Mapping[date, int]
    over_age: Mapping[date, Mapping[str, int]]
    kept_for: Span | None
    torn: Mapping[date, str]
    lacking: Failure | None
    only: str | None


def survey(system: System, now: datetime, only: str | None) -> Seen:
    """Read it. Raise NotFound when no month is called `only`, else what `connect.explain` makes of it."""
    try:
        with system.snapshot("records survey") as conn:
            found = months.kept(conn)
            over_age = {first: count(conn, first) for first in _over(system, found, now)}
            told = kept_for(conn)
            missing = torn(conn)
    except psycopg.Error as error:
        raise connect.explain(error) from None
    if only is not None and only not in map(age.name, found):
        raise NotFound(
            f"the ledger has no month {only!r}",
            hint="`lifecycle records status` lists its months; write one like 2019-05.",
        )
    return Seen(found, over_age, told, missing, lacking(system) if over_age else None, only)


def count(conn: Connection[TupleRow], first: date) -> dict[str, int]:
    """Return how much a month holds, by KINDS: what would be exported of it, and then dropped."""
    row = conn.execute(statements.COUNT, bounds(first)).fetchone()
    assert row is not None
    return dict(zip(KINDS, row, strict=True))


def kept_for(conn: Connection[TupleRow]) -> Span | None:
    """Return how long the database itself keeps a month, whatever the policy says by now."""
    told = months.kept_for(conn)
    return Span.parse(told) if told else None


def torn(conn: Connection[TupleRow]) -> dict[date, str]:
    """Return what is missing of each month that should be on the ledger and is not there, or not whole."""
    found = dict[date, str]()
    for first, runs in conn.execute(statements.UNTOLD).fetchall():
        found[first] = f"the history of {counted(runs, 'run')} of it is gone, or tells another end"
    for first, parts in conn.execute(statements.GONE).fetchall():
        whole = len(parts) == len(PARTS)
        found[first] = f"{'it' if whole else PARTS[parts[0]]} is gone before its time"
    return found


def bounds(first: date) -> dict[str, datetime]:
    """Return the parameters that name a month in a statement."""
    return {"since": datetime(first.year, first.month, 1, tzinfo=UTC), "to": age.end(first)}


def lacking(system: System) -> Failure | None:
    """Say what is missing before a month can be exported, if anything is. Asks the settings, and no store."""
    bucket = SECTION.of(system.policy).bucket
    if bucket is None:
        return Failure(
            "records", "the policy names no bucket for it", "Add `records: {bucket: NAME}`."
        )
    try:
        signing.signing_key(system.settings.signing_key)
        objects.store(system).must_know(bucket)
    except LifecycleError as error:
        return Failure("records", error.what, error.hint)
    return None


def _over(system: System, found: Mapping[date, int], now: datetime) -> list[date]:
    keep = SECTION.of(system.policy).keep
    return [first for first in found if age.leaves(first, keep) <= now]
