"""How many people wait to be forgotten, by the one clock of `deadline.py`. Counts; no person and no request leaves."""

from collections.abc import Iterator
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import request_statements
from gdpr.deadline import Open, overdue
from gdpr.section import SECTION
from lifecycle.figure import Figure, Value
from lifecycle.system import System

FIGURES = (
    Figure(
        "erasure_requests_due",
        "Requests to be forgotten whose grace period is over and that are not completed.",
    ),
    Figure(
        "erasure_requests_overdue", "Requests to be forgotten that are past the legal deadline."
    ),
    Figure("erasure_requests_undated", "Open requests whose dates are missing or infinite."),
    Figure(
        "erasure_requests_unclear",
        "Requests to be forgotten whose status is empty or no word of the policy.",
    ),
    Figure(
        "erasures_abandoned",
        "Erasures that were begun, are not proven, and that no open request asks for.",
    ),
)


def read(system: System, conn: Connection[TupleRow], now: datetime) -> Iterator[Value]:
    """Count the open requests; say nothing where the policy has no `erasure:`."""
    erasure = SECTION.of(system.policy)
    if erasure is None:
        return
    requests, states = erasure.requests, erasure.requests.states
    rows = conn.execute(request_statements.open_dates(requests), states.model_dump()).fetchall()
    begun = conn.execute(request_statements.abandoned(requests), states.model_dump()).fetchall()
    words = (states.pending, states.processing)
    dated = [
        Open("", "", None, status == states.processing, requested, due, erasure.grace)
        for status, requested, due in rows
        if requested is not None and due is not None
    ]
    yield Value("erasure_requests_due", sum(request.ready(now) for request in dated))
    yield Value("erasure_requests_overdue", len(overdue(dated, erasure.deadline, now)))
    yield Value("erasure_requests_undated", len(rows) - len(dated))
    yield Value("erasure_requests_unclear", sum(status not in words for status, _, _ in rows))
    yield Value("erasures_abandoned", len(begun))
