"""Says what the night's erasures come to: who was answered, where was looked for them, who is late by the law.

Promised are the table of requests, each request that was due, and for each person erased every place that
`places.py` reads off the catalog.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime

from gdpr.deadline import Open, overdue, soon, still_in_grace
from gdpr.plan import ErasureStep
from gdpr.request import Done
from gdpr.survey import Seen
from gdpr.waiting import erasure_of, waiting
from lifecycle.config.span import Span
from lifecycle.coverage import Coverage, Judgement, Place, Reason
from lifecycle.outcome import Failure
from lifecycle.outside.keys import reference_key
from lifecycle.plan import Decision
from lifecycle.promise import Listing, Task
from lifecycle.system import System

_NOBODY = Reason(
    "the person is gone already and no note says who it was, so nothing can be searched for",
    "Their row was deleted by hand. Check by hand what the plan would have erased, then answer the request.",
)


def judge(
    task: Task,
    seen: Seen,
    decision: Decision[ErasureStep],  # noqa: ARG001 - every room is asked alike
    done: Mapping[str, Done],
) -> Judgement:
    """Return what was promised, looked at and found, and which requests are past their legal deadline."""
    erasure = erasure_of(task.system.policy)
    answered = {reference for reference, one in done.items() if one.answered or one.withdrawn}
    left = tuple(request for request in seen.waiting if request.reference not in answered)
    late = overdue(left, erasure.deadline, task.now)
    failures = [failure for one in done.values() for failure in one.failures]
    if late:
        hint = "GDPR Art. 12(3). See `lifecycle gdpr status`, and tell the people concerned."
        what = f"{len(late)} requests are past the legal deadline of {erasure.deadline}"
        failures.append(Failure(erasure.requests.table, what, hint))
    table = Place("requests", erasure.requests.table)
    coverage = Coverage(frozenset({table}), frozenset({table}), tuple(failures))
    for case in seen.cases:
        one = done.get(case.request.reference)
        coverage |= _request(case.request.reference, one)
    counts = {
        "due": len(seen.cases) + len(seen.unread) - sum(one.withdrawn for one in done.values()),
        "answered": sum(one.answered for one in done.values()),
        "rows": sum(one.rows for one in done.values()),
        "waiting": len(left),
        "overdue": len(late),
    }
    said = [
        f"{counts['answered']} of {counts['due']} due requests erased and found nowhere it was looked"
    ]
    said += _clock_words(left, erasure.deadline, task.now)
    said += dict.fromkeys(note for one in done.values() for note in one.notes)
    return Judgement(coverage, "; ".join(said), counts)


def _request(reference: str, one: Done | None) -> Coverage:
    own = Place("request", reference)
    if one is None:  # refused, and the refusal stands beside it
        return Coverage(frozenset({own}), frozenset())
    if one.nobody:
        return Coverage(frozenset({own}), frozenset(), (), {own: _NOBODY})
    if (
        one.failures and one.coverage is None
    ):  # stopped before anything could be looked at; the failure says why
        return Coverage(frozenset({own}), frozenset({own}))
    looked = Coverage(frozenset({own}), frozenset({own}))
    return looked | one.coverage if one.coverage is not None else looked


def _clock_words(left: tuple[Open, ...], deadline: Span, now: datetime) -> Iterator[str]:
    if near := soon(left, deadline, now):
        yield f"{len(near)} near the legal deadline"
    if unanswerable := still_in_grace(left, deadline, now):
        yield f"{len(unanswerable)} past the deadline and still in grace: shorten the grace"


def status(system: System, now: datetime) -> Listing:
    """Return the open requests: due when, legal deadline when, how far. By reference only."""
    erasure, key = erasure_of(system.policy), reference_key(system.settings.reference_key)
    with closing(system.connect("gdpr status", write=False)) as conn:
        found = waiting(conn, system, key)
    rows: list[tuple[object, ...]] = [
        (
            one.reference,
            "processing" if one.processing else "due" if one.ready(now) else "in grace",
            one.due,
            erasure.deadline.after(one.requested),
            erasure.deadline.after(one.requested) < now,
        )
        for one in found.requests
    ]
    rows += [(odd.target.removeprefix("request "), odd.what, None, None, None) for odd in found.odd]
    return Listing("requests", ("request", "state", "due", "deadline", "overdue"), rows)
