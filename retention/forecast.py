"""Says what will end in each coming month, and what a rule with another time would end. Counts; changes nothing.

Counted is what is there now: rows that come later and end within the same months are not in it; those on legal hold
are. Bytes are what the table takes per row today, times the rows: how much of it a delete gives back to the disk,
VACUUM decides; a dropped partition gives back all of its own. A row ends in the month of the first night on which its
time is over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.config.span import Span
from lifecycle.errors import NotFound
from lifecycle.outcome import Failure
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog, connect
from lifecycle.postgres.names import sql_name
from lifecycle.system import System
from retention import rules, statements_of_forecast, weigh
from retention.parts import Part
from retention.rules import Bound
from retention.section import SECTION

NOW = "now"
"""Instead of a month: what is overdue already."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What one rule ends in a month (`2026-12`, or NOW). `size` in bytes, about; None where nobody knows it."""

    month: str
    rule: str
    do: str
    rows: int
    size: int | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What ends, in the order of months, and the rules of which nobody can say it."""

    endings: tuple[Ending, ...]
    failures: tuple[Failure, ...]


def forecast(
    system: System, now: datetime, months: int, table: str | None = None, after: Span | None = None
) -> Forecast:
    """Count what ends now and in so many coming months; by the rules of `table` alone, `after` another time, if given.

    Raise NotFound when no rule is about `table`, Unreachable, AccessDenied.
    """
    policy = _changed(system.policy, table, after)
    with system.snapshot("retention forecast") as conn:
        seen = catalog.read(conn)
        moments = tuple(_moments(policy, now, months))
        weighed = weigh.tables(conn, policy, seen, table)
        each = [rules.bind(policy, seen, at, table, weighed) for at in moments]
        endings: list[Ending] = []
        failures = list(each[0][1])
        for bounds in zip(*(fit for fit, _ in each), strict=True):
            try:
                with conn.transaction(force_rollback=True):
                    endings += _endings(conn, bounds, moments)
            except psycopg.Error as error:
                if conn.broken:
                    raise connect.explain(error) from None
                said = connect.explain(error)
                failures.append(Failure(bounds[0].rule.label, said.what, said.hint))
    return Forecast(tuple(sorted(endings, key=_order)), tuple(failures))


def _order(ending: Ending) -> tuple[bool, str, str]:
    return ending.month != NOW, ending.month, ending.rule


def _changed(policy: Policy, table: str | None, after: Span | None) -> Policy:
    """Return the policy with another time in the rules of a table. Raise NotFound when none is about it."""
    ours = SECTION.of(policy)
    wanted = [rule for rule in ours if table in (None, rule.table) and (rule.after or not after)]
    if table is not None and not wanted:
        known = ", ".join(dict.fromkeys(rule.table for rule in ours if rule.after or not after))
        raise NotFound(f"no retention rule is about {table!r}", hint=f"Rules are about: {known}.")
    changed = tuple(
        rule.model_copy(update={"after": after}) if after and rule in wanted else rule
        for rule in ours
    )
    return policy.model_copy(update={"retention": changed})


def _moments(policy: Policy, now: datetime, months: int) -> Iterator[datetime]:
    """Yield now, and the last moment of this and of each coming month, so many in all."""
    local = now.astimezone(ZoneInfo(policy.timezone))
    yield local
    first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    for number in range(1, months + 1):
        yield Span(number, "month").after(first) - timedelta(microseconds=1)


def _endings(
    conn: Connection[TupleRow],
    bounds: tuple[Bound, ...],
    moments: tuple[datetime, ...],
) -> Iterator[Ending]:
    """Yield what one rule ends: `bounds` is it, bound at each of these moments."""
    names = (NOW, *(f"{at:%Y-%m}" for at in moments[1:]))
    if bounds[0].drops:
        yield from _whole(conn, bounds[0], frozenset(names))
        return
    found = dict.fromkeys(names, (0, 0.0))
    unknown = False
    leaves = [leaf for leaf in bounds[-1].leaves if leaf not in bounds[-1].foreign]
    edges = [bound.before for bound in bounds]
    for leaf in leaves:
        width = _width(conn, leaf)
        unknown = unknown or width is None
        question = statements_of_forecast.by_edge(leaf, bounds[-1])
        for place, rows in conn.execute(question, {"edges": edges, "last": edges[-1]}):
            many, size = found[names[place]]
            found[names[place]] = many + rows, size + rows * (width or 0)
    rule = bounds[0].rule
    for month, (rows, size) in found.items():
        kept = unknown or rule.do == "clear"
        if rows:
            yield Ending(month, rule.label, rule.do, rows, None if kept else round(size))


def _width(conn: Connection[TupleRow], leaf: str) -> float | None:
    """Return how many bytes a row of a leaf takes on average, None where it was never analysed."""
    named = {"name": sql_name(leaf).as_string(conn)}
    row = conn.execute(statements_of_forecast.WIDTH, named).fetchone()
    return None if row is None or row[0] is None else float(row[0])


def _whole(conn: Connection[TupleRow], bound: Bound, months: frozenset[str]) -> Iterator[Ending]:
    """Yield the partitions that end with all they hold, each in the month of its day."""
    by_month: dict[str, list[Part]] = {}
    for part in bound.parts:
        month = NOW if part.over else f"{part.ends:%Y-%m}" if part.ends else ""
        if month in months:
            by_month.setdefault(month, []).append(part)
    for month, parts in by_month.items():
        rows, size = 0, 0
        for part in parts:
            counted = conn.execute(statements_of_forecast.whole(part.name)).fetchone() or (0, 0)
            rows, size = rows + counted[0], size + counted[1]
        yield Ending(month, bound.rule.label, bound.rule.do, rows, size)
