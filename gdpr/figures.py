"""How many people wait to be forgotten, by the one clock of `deadline.py`. Counts; no person and no request leaves."""

from collections.abc import Iterator
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr.asked import FOUND
from gdpr.deadline import overdue
from gdpr.section import SECTION
from gdpr.waiting import waiting
from lifecycle.figure import Figure, Value
from lifecycle.outside.keys import reference_key
from lifecycle.system import System

FIGURES = (
    Figure(
        "erasure_requests_due",
        "Requests to be forgotten whose grace period is over, or that were begun, and that are not completed.",
    ),
    Figure(
        "erasure_requests_overdue", "Requests to be forgotten that are past the legal deadline."
    ),
    Figure("erasure_requests_undated", "Open requests whose dates are missing, infinite or odd."),
    Figure(
        "erasure_requests_unclear",
        "Requests to be forgotten whose status is empty or no word of the policy.",
    ),
    Figure(
        "erasures_abandoned",
        "Erasures that were begun, are not proven, and that no open request asks for.",
    ),
    Figure(
        "erasure_requests_lost",
        "Requests to be forgotten that were noted, and whose row is gone, another's or closed by somebody else.",
    ),
)


def read(system: System, conn: Connection[TupleRow], now: datetime) -> Iterator[Value]:
    """Count the open requests; say nothing where the policy has no `erasure:`."""
    erasure = SECTION.of(system.policy)
    if erasure is None:
        return
    found = waiting(conn, system, reference_key(system.settings.reference_key))
    yield Value("erasure_requests_due", sum(request.ready(now) for request in found.open))
    yield Value("erasure_requests_overdue", len(overdue(found.open, now)))
    yield Value("erasure_requests_undated", found.undated)
    yield Value("erasure_requests_unclear", len(found.unclear))
    yield Value("erasures_abandoned", found.abandoned)
    yield Value("erasure_requests_lost", sum(one.how in FOUND for one in found.lost))
