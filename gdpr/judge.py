"""Says what the night's erasures come to: who was answered, where was looked for them, who is late by the law.

Promised are the table of requests and the notes of erasures that were begun, both read again afterwards, each request
that was due, and for each person erased every place that `places.py` reads off the catalog.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from gdpr.deadline import Open, overdue, soon, still_in_grace
from gdpr.desk import Done
from gdpr.plan import ErasureStep
from gdpr.survey import Seen
from gdpr.waiting import Waiting, erasure_of, waiting
from lifecycle.coverage import Coverage, Judgement, Looks, Place, Reason
from lifecycle.outcome import Failure
from lifecycle.outside.keys import reference_key
from lifecycle.plan import Decision
from lifecycle.promise import Listing, Task
from lifecycle.system import System
from lifecycle.words import counted

NOTES = Place("notes", "of erasures that were begun")

_NOBODY = Reason(
    "the person is gone already and no note says who it was, so nothing can be searched for",
    "Their row was deleted by hand. Check by hand what the plan would have erased, then answer the request.",
)
_PROVEN_BEFORE = Reason(
    "it was proven before and opened again, and whom to search for is known to nobody since",
    "`lifecycle runs show` of the run that proved it has what was looked at then, and what was not.",
)
_LEFT = Reason(
    "nothing was done for it in this run",
    "It was refused, which is said beside this, or the plan was narrowed to another one: see `lifecycle gdpr plan`.",
)


def judge(
    task: Task, seen: Seen, decision: Decision[ErasureStep], done: Mapping[str, Done]
) -> Judgement:
    """Return what was promised, looked at and found, and which requests are past their legal deadline."""
    erasure = erasure_of(task.system.policy)
    due = {r.reference: Place("request", r.reference) for r in seen.waiting if r.ready(task.now)}
    looks, table = Looks(), Place("requests", erasure.requests.table)
    with looks.at(table, NOTES, *due.values()):
        left = _read(task.system)
    for reference, own in due.items():
        if reason := _why_not(done.get(reference)):
            looks.not_at(own, reason)
    # What the survey saw already is a refusal of the plan, and told as such.
    looks.found(*(odd for odd in left.odd if odd not in decision.refusals))
    looks.found(*(failure for one in done.values() for failure in one.failures))
    late = overdue(left.open, task.now)
    if late:
        hint = "GDPR Art. 12(3). See `lifecycle gdpr status`, and tell the people concerned."
        what = f"{counted(len(late), 'request')} past the legal deadline of {erasure.deadline}"
        looks.found(Failure(erasure.requests.table, what, hint))
    coverage = looks.cover({table, NOTES, *due.values()})
    for one in done.values():
        coverage |= one.coverage or Coverage(frozenset(), frozenset())
    counts = {
        "due": len(seen.cases) + len(seen.unread) - sum(one.withdrawn for one in done.values()),
        "answered": sum(one.answered for one in done.values()),
        "rows": sum(one.rows for one in done.values()),
        "waiting": len(left.open),
        "overdue": len(late),
    }
    said = [
        f"{counts['answered']} of {counts['due']} due requests erased and found nowhere it was looked"
    ]
    said += _clock_words(left.open, task.now)
    said += dict.fromkeys(note for one in done.values() for note in one.notes)
    return Judgement(coverage, "; ".join(said), counts)


def _read(system: System) -> Waiting:
    """Ask the world, and not the memory of this run, who waits now and whose erasure was begun."""
    with system.snapshot("gdpr judge") as conn:
        return waiting(conn, system, reference_key(system.settings.reference_key))


def _why_not(one: Done | None) -> Reason | None:
    """Say why nobody looked for the person of a request that was due; None where somebody did, or had no need."""
    if one is None:
        return _LEFT
    if one.nobody:
        return _NOBODY
    if one.coverage is not None or one.withdrawn or one.failures:
        return None
    return _PROVEN_BEFORE if one.answered else _LEFT


def _clock_words(left: tuple[Open, ...], now: datetime) -> Iterator[str]:
    if near := soon(left, now):
        yield f"{len(near)} near the legal deadline"
    if unanswerable := still_in_grace(left, now):
        yield f"{len(unanswerable)} past the deadline and still in grace: shorten the grace"


def status(system: System, now: datetime) -> Listing:
    """Return the open requests: due when, legal deadline when, how far. By reference only."""
    key = reference_key(system.settings.reference_key)
    with system.snapshot("gdpr status") as conn:
        found = waiting(conn, system, key)
    rows: list[tuple[object, ...]] = [
        (
            one.reference,
            _state(one, now),
            one.due,
            one.deadline,
            one.deadline < now,
        )
        for one in found.requests
    ]
    rows += [(odd.target.removeprefix("request "), odd.what, None, None, None) for odd in found.odd]
    return Listing("requests", ("request", "state", "due", "deadline", "overdue"), rows)


def _state(one: Open, now: datetime) -> str:
    if one.processing:
        return "processing"
    if one.ready(now):
        return "due"
    return "in grace" if one.verified else "identity not verified"
