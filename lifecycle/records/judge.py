"""Looks again afterwards: is every month over age gone with all it held, and is every younger one there?

Promised are the months that the ledger had when the run began, and each in which a run ended. Nothing is taken from
what the run believes to have done.
"""

from collections.abc import Collection
from contextlib import closing
from datetime import date, datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.coverage import Judgement, Looks, Place
from lifecycle.ledger import months
from lifecycle.outcome import Failure
from lifecycle.plan import Decision
from lifecycle.promise import Listing, Task
from lifecycle.records import age, survey
from lifecycle.records.plan import TORN, RetireMonth
from lifecycle.records.retire import Retired
from lifecycle.records.section import SECTION
from lifecycle.records.survey import Seen
from lifecycle.system import System
from lifecycle.words import counted


def judge(task: Task, seen: Seen, decision: Decision[RetireMonth], retired: Retired) -> Judgement:
    """Read the months again and return what was promised, looked at and found."""
    looks = Looks()
    with task.system.snapshot("records judge") as conn:
        now_there, torn = months.kept(conn), survey.torn(conn)
        all_of_them = seen.months.keys() | torn.keys()
        wanted = {first for first in all_of_them if task.only in (None, age.name(first))}
        left = {first: _left(looks, conn, first, now_there) for first in wanted}
    known = {failure.target for failure in (*retired.failures, *decision.refusals)}
    looks.found(*retired.failures)
    for first in sorted(wanted):
        over_age, there = first in seen.over_age, first in now_there
        wrong = _wrong(first, torn.get(first), over_age, there, left[first])
        if wrong is not None and wrong.target not in known:
            looks.found(wrong)
    return Judgement(
        looks.cover(Place("month", age.name(first)) for first in wanted),
        f"{counted(len(retired.steps), 'month')} exported and dropped, {len(now_there)} kept "
        f"of the last {SECTION.of(task.system.policy).keep}",
        {"months": len(now_there), "dropped": len(retired.steps), **_sums(seen, retired)},
    )


def _left(
    looks: Looks, conn: Connection[TupleRow], first: date, there: Collection[date]
) -> dict[str, int] | None:
    """Look at a month: return what the ledger holds of one that is not there any more."""
    with looks.at(Place("month", age.name(first))):
        return None if first in there else survey.count(conn, first)


def _wrong(
    first: date, torn: str | None, over_age: bool, there: bool, left: dict[str, int] | None
) -> Failure | None:
    """Return what is not as promised about a month; `left` is what it still holds where it should be gone."""
    if torn is not None:
        return Failure(age.name(first), torn, TORN)
    if over_age and there:
        what = "it is over age and still there"
        return Failure(age.name(first), what, "Run `lifecycle records plan`.")
    if over_age and left and any(left.values()):
        told = ", ".join(f"{n} {kind}" for kind, n in left.items() if n)
        hint = "Look who changed it: `lifecycle.drop_month` takes all of a month or nothing."
        return Failure(age.name(first), f"it was dropped, and {told} stayed", hint)
    if not over_age and not there:
        return Failure(age.name(first), "it is gone before its time", TORN)
    return None


def _sums(seen: Seen, retired: Retired) -> dict[str, int]:
    dropped = [seen.over_age[step.first] for step in retired.steps]
    return {kind: sum(held[kind] for held in dropped) for kind in survey.KINDS} if dropped else {}


def status(system: System, now: datetime) -> Listing:
    """Return, per month of the ledger, its size and from when on it is over age."""
    keep = SECTION.of(system.policy).keep
    with closing(system.connect("records status", write=False)) as conn:
        there = months.kept(conn)
    rows = [
        (age.name(first), size, age.leaves(first, keep), age.leaves(first, keep) <= now)
        for first, size in there.items()
    ]
    return Listing("records", ("month", "bytes", "leaves", "over age"), rows)
