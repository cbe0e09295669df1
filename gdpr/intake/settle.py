"""Ends our record of a request that is lost, on a person's word: its row is gone or was closed, and nobody was erased.

Nothing is proven by it, and nothing said to be: who ended it and why stays beside it, for whoever asks.
"""

from contextlib import closing

from gdpr.asked import FOUND, Lost
from gdpr.desk import Desk
from gdpr.intake import at_hand
from gdpr.intake.statements import SETTLE
from gdpr.survey import called
from gdpr.waiting import waiting
from lifecycle.coverage import Judgement, Looks, Place
from lifecycle.errors import NotFound
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.promise import Task
from lifecycle.words import counted


def carry_out(task: Task, wanted: str, because: str, by: str) -> Judgement:
    """End each record with this reference that is lost. Raise NotFound where none is."""
    desk, reference = at_hand.desk(task), called(task.system, wanted)
    lost = _lost(desk, reference)
    if not lost:
        raise NotFound(
            "no record of that name is lost",
            hint=f"`lifecycle gdpr why {reference}` says where it stands. What has an open row is taken back with "
            "`lifecycle gdpr cancel`.",
        )
    values = {"ids": [one.record.id for one in lost], "because": because, "by": by}
    with (
        closing(task.system.connect(task.claim.job)) as conn,
        effect(conn, task.claim, None) as change,
    ):
        counts = {"records": conn.execute(SETTLE, values).rowcount}
        change.record(
            "effect", "gdpr.settled", "lifecycle.asked", counts=counts, reference=reference
        )
    place, looks = Place("request", reference), Looks()
    with looks.at(place):
        left = _lost(desk, reference)
    looks.found(*(_left(reference) for _ in left))
    said = f"{counted(counts['records'], 'record')} of request {reference} ended: nobody was erased or searched for"
    return Judgement(looks.cover({place}), said, counts)


def _lost(desk: Desk, reference: str) -> list[Lost]:
    with desk.system.snapshot(desk.claim.job) as conn:
        lost = waiting(conn, desk.system, desk.key).lost
    return [one for one in lost if one.record.reference == reference and one.how in FOUND]


def _left(reference: str) -> Failure:
    return Failure(
        f"request {reference}",
        "another record of it is lost since",
        f"See `lifecycle gdpr why {reference}`.",
    )
