"""Takes a request back for its person, who changed their mind in the grace: the claim loses to it, or has won.

Nothing is taken back of which a part may be gone: what was begun is ended, and its person told.
"""

from psycopg import IsolationLevel

from gdpr import noting, request_statements
from gdpr.deadline import Open
from gdpr.desk import Desk
from gdpr.intake import at_hand
from gdpr.request import at_work
from gdpr.survey import called
from gdpr.waiting import erasure_of
from lifecycle.coverage import Judgement, Looks, Place
from lifecycle.errors import Conflict, Refused
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.policy import triggers
from lifecycle.promise import Task


def carry_out(task: Task, wanted: str) -> Judgement:
    """Set the request to the word for `cancelled`, and end our record of it.

    `wanted`: its reference or the application's own id. Raise NotFound where none of that name is open; Refused where
    its erasure has begun or its status is no word of the policy; Conflict where it was taken at that very moment.
    """
    desk, reference = at_hand.desk(task), called(task.system, wanted)
    request = at_hand.open_request(desk, reference)
    if request.begun or request.processing:
        raise Refused(
            "its erasure has begun: a part of the person may be gone, and nothing can be taken back",
            hint=f"Tell the person. `lifecycle gdpr why {reference}` says how far it is.",
        )
    _cancel(desk, request)
    place = Place("request", reference)
    looks = Looks()
    with looks.at(place):
        left = noting.note(desk, reference)
    looks.found(*(_not_ended(reference, error) for error in left.values()))
    said = f"request {reference} is taken back: nobody is erased for it"
    return Judgement(looks.cover({place}), said, {"requests": 1})


def _cancel(desk: Desk, request: Open) -> None:
    requests = erasure_of(desk.system.policy).requests
    values = requests.states.model_dump() | {"request": request.request, "person": request.person}
    with at_work(desk) as (conn, as_seen):
        conn.isolation_level = IsolationLevel.READ_COMMITTED  # it waits for a claim, and heeds it
        with effect(conn, desk.claim, as_seen) as change:
            done = conn.execute(request_statements.cancel_request(requests), values).rowcount
            if done != 1:
                raise Conflict(
                    f"its {requests.status} is not `{requests.states.pending}`: somebody took it, or changed it",
                    hint=f"Nothing was changed. See `lifecycle gdpr why {request.reference}`.",
                )
            adding = triggers.written_to(desk.system.policy, requests.table)
            change.must_be({requests.table: 1}, adding)
            change.record(
                "effect",
                "gdpr.canceled",
                requests.table,
                counts={"requests": 1},
                reference=request.reference,
            )


def _not_ended(reference: str, error: Exception) -> Failure:
    return Failure(
        f"request {reference}",
        f"it is taken back, and our record of it could not be ended ({type(error).__name__})",
        "The next run of `gdpr.erase` ends it.",
    )
