"""What a person's word about one request is worked on with. Reads only."""

from gdpr.deadline import Open
from gdpr.desk import Desk
from gdpr.reach import reach
from gdpr.waiting import erasure_of, waiting
from lifecycle.errors import NotFound
from lifecycle.outside.keys import reference_key
from lifecycle.postgres import catalog
from lifecycle.promise import Task


def desk(task: Task) -> Desk:
    """Return the desk of a run by hand. Raise Refused when the policy does not fit the database."""
    subject = erasure_of(task.system.policy).subject
    with task.system.snapshot(task.claim.job) as conn:
        found = reach(task.system.policy, catalog.read(conn), subject)
    key = reference_key(task.system.settings.reference_key)
    return Desk(task.system, task.claim, found, key, task.now, {}, {})


def open_request(desk: Desk, reference: str) -> Open:
    """Return the open request with this reference. Raise NotFound where none is."""
    with desk.system.snapshot(desk.claim.job) as conn:
        there = waiting(conn, desk.system, desk.key)
    found = next((one for one in there.open if one.reference == reference), None)
    if found is None:
        raise NotFound(
            "no request of that name is open",
            hint=f"`lifecycle gdpr why {reference}` says where it stands; `lifecycle gdpr status` lists those that "
            "are.",
        )
    return found
