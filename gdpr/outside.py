"""Carries an erasure out beyond the database: objects and payer, announced before and counted after.

Each part asks the world what is still there and takes that, so it may be cut off anywhere and run again.
Never decides whose an object or a customer is: the note says.
"""

from collections.abc import Callable

from gdpr import locks, recipients
from gdpr.erase import Erasing
from gdpr.payer import payer
from lifecycle.errors import Refused
from lifecycle.ledger.effect import effect
from lifecycle.ledger.evidence import Kind
from lifecycle.outside import objects
from lifecycle.system import System


def must_be_reachable(system: System, work: Erasing) -> None:
    """Raise, before anything is touched, when the settings lack a place where this person is.

    Raise Refused where Object Lock keeps a version: what was looked at for the plan may have been locked since.
    """
    if work.note.objects:
        store = objects.store(system)
        try:
            for bucket, keys in work.note.objects.items():
                store.versions(bucket, keys[0])
        finally:
            store.close()
        if keeps := list(locks.said(locks.locked(system, work.note.objects))):
            raise Refused("; ".join(keeps), hint=locks.hint(work.reference))
    recipients.must_be_set(system, work.note)
    if work.note.payers:
        account = payer(system)
        for customer in work.note.payers:
            if account.state(customer) == "unknown":
                account.must_be_deleted(customer)


def delete_objects(system: System, work: Erasing, still: Callable[[], None]) -> int:
    """Delete all versions of all objects of the person; return how many versions went.

    `still` raises where a legal hold could be placed meanwhile: it is asked before each object.
    """
    if not work.note.objects:
        return 0
    store = objects.store(system)
    total = 0
    try:
        for bucket, keys in work.note.objects.items():
            _say(work, "intent", bucket, "gdpr.objects_deleted", {"keys": len(keys)})
            gone = 0
            for key in keys:
                still()
                gone += store.delete_versions(bucket, key, store.versions(bucket, key))
            counts = {"keys": len(keys), "versions": gone}
            _say(work, "outcome", bucket, "gdpr.objects_deleted", counts)
            total += gone
    finally:
        store.close()
    return total


def delete_payers(system: System, work: Erasing, still: Callable[[], None]) -> int:
    """Delete the customers that go with the person; return how many. `still` is asked before each, as above."""
    if not work.note.payers:
        return 0
    account = payer(system)
    counts = {"customers": len(work.note.payers)}
    _say(work, "intent", "stripe", "gdpr.payer_deleted", counts)
    for number, customer in enumerate(work.note.payers):
        still()
        account.delete(customer, f"lifecycle-{work.reference}-{number}")
    _say(work, "outcome", "stripe", "gdpr.payer_deleted", counts)
    return len(work.note.payers)


def _say(work: Erasing, kind: Kind, target: str, event: str, counts: dict[str, int]) -> None:
    """Write one line of evidence, and make sure that this run is still ours to go on with."""
    with effect(work.conn, work.claim, None) as change:
        change.record(kind, event, target, counts=counts, reference=work.reference)
