"""Gives a request more time than the law's first month, as its complexity asks for (GDPR Art. 12(3)).

The person must hear of it, with the reason, within that month; so afterwards nothing is extended, nor twice, nor by
more than two further months. Who has said so and why stays on our record of the request. The grace is not touched.
"""

from contextlib import closing
from datetime import datetime

from gdpr import noting
from gdpr.deadline import Open
from gdpr.desk import Desk
from gdpr.intake import at_hand
from gdpr.intake.statements import EXTEND
from gdpr.survey import called
from lifecycle.config.span import Span
from lifecycle.coverage import Judgement, Looks, Place
from lifecycle.errors import Conflict, InputError, Refused
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.promise import Task
from lifecycle.words import moment

LONGEST = Span(2, "months")


def carry_out(task: Task, wanted: str, until: datetime, because: str, by: str) -> Judgement:
    """Move the deadline of an open request to `until`.

    Raise NotFound where none of that name are open; InputError where `until` is not later than its deadline, or more
    than two months; Refused where its month is over, or it cannot be noted; Conflict where it was extended before.
    """
    desk, reference = at_hand.desk(task), called(task.system, wanted)
    request = at_hand.open_request(desk, reference)
    _may_be(request, until, task.now)
    for error in noting.note(desk, reference).values():
        said, failure = noting.failure(reference, error)
        raise Refused(failure.what, hint=failure.hint) from said
    _write(desk, request, {"until": until, "because": because, "by": by})
    place, looks = Place("request", reference), Looks()
    with looks.at(place):
        now = at_hand.open_request(desk, reference)
    if now.deadline != until:
        what, hint = (
            "its deadline is not the one that was given",
            "Somebody changed the request: look again.",
        )
        looks.found(Failure(f"request {reference}", what, hint))
    told = f"request {reference}: the law's time ends at {moment(until)}; tell the person so, with the reason"
    return Judgement(looks.cover({place}), told, {"requests": 1})


def _may_be(request: Open, until: datetime, now: datetime) -> None:
    first = request.legal.after(request.requested)
    if request.extended_to is not None:
        raise Conflict(
            f"it was given more time before, until {moment(request.extended_to)}",
            hint="The law knows one extension. Answer the request.",
        )
    if now > first:
        raise Refused(
            f"its time ended at {moment(first)}, and the person had to hear of more within it",
            hint="GDPR Art. 12(3). It is late, and stays so: answer it, and tell the person.",
        )
    if not first < until <= LONGEST.after(first):
        raise InputError(
            f"{moment(until)} is no day to which it can be extended",
            hint=f"Its time ends at {moment(first)}; the law gives {LONGEST} more, until "
            f"{moment(LONGEST.after(first))}.",
        )


def _write(desk: Desk, request: Open, values: dict[str, object]) -> None:
    values |= {
        "system": desk.system.name,
        "reference": request.reference,
        "asked": request.requested,
    }
    with (
        closing(desk.system.connect(desk.claim.job)) as conn,
        effect(conn, desk.claim, None) as change,
    ):
        if conn.execute(EXTEND, values).rowcount != 1:
            raise Refused(
                "there is not exactly one record of ours of it",
                hint=f"Nothing was changed. See `lifecycle gdpr why {request.reference}`.",
            )
        change.record(
            "effect",
            "gdpr.extended",
            "lifecycle.asked",
            counts={"requests": 1},
            reference=request.reference,
        )
