"""One request, from claim to the erased row; `night.py` goes through all of them, and proves them together.

    person.survey, plan.refuse  what is there; whatever would make the erasure wrong is refused before a write
    beforehand.look             who is quoted in rows that stay; once for everybody, before anything is touched
    erase.rehearse              the database part, rolled back: nothing outside goes before it is known to work
    claim                       `pending` -> `processing`, by compare-and-set; a cancellation wins or loses
    notes.put                   who and what, sealed: from here on a killed run can be taken up by another
    outside.delete_*            objects in all versions, the payer; announced, done, counted
    erase.erase                 the rows, in one transaction with its evidence

Each step asks the world what is left to do, so a request in `processing` simply walks the same way again. Requests
appear by keyed reference only.
"""

from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from functools import partial

from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow

from gdpr import (
    answer,
    asked,
    beforehand,
    erase,
    notes,
    outside,
    person,
    redactions,
    request_statements,
)
from gdpr.beforehand import Before
from gdpr.deadline import Open
from gdpr.desk import Desk, Done
from gdpr.erase import Erasing, NotNoted
from gdpr.held import nothing_on_hold
from gdpr.notes import Entry
from gdpr.person import Survey
from gdpr.plan import must_be, refuse, still_standing
from gdpr.prove import NOWHERE
from gdpr.reach import Reach
from gdpr.redact import Moved
from gdpr.survey import Case, case_of, of_person
from gdpr.waiting import erasure_of, waiting
from lifecycle.errors import Conflict, Unproven
from lifecycle.ledger import code
from lifecycle.ledger.code import Code
from lifecycle.ledger.effect import effect
from lifecycle.policy import triggers

ROUNDS = 3
"""How often what came meanwhile outside is taken too, before the request is left for the next run."""


def one(desk: Desk, case: Case) -> Entry | Done:
    """Carry one request as far as its proof, or to its end. Raise LifecycleError when it stays open."""
    request = case.request
    with at_work(desk) as (conn, as_seen):
        # Asked again, as an erasure answers all open requests of the same person.
        now = request if desk.replay else _still_due(desk, request)
        if now is None:
            return Done(withdrawn=True)
        request = now
        entry = notes.find(conn, desk.key, request.reference, request.person, request.requested)
        if entry is not None and entry.note is None:
            return _answer_again(desk, conn, as_seen, request, entry)
        # Also where the rows are gone already: somebody may have written, or put them back, since.
        return _erase(desk, conn, as_seen, request, entry, case.before)


@contextmanager
def at_work(desk: Desk) -> Generator[tuple[Connection[TupleRow], Code]]:
    """Give what one request is worked on with: a connection, and the code of the database as it was surveyed."""
    with (
        closing(desk.system.connect("gdpr.erase")) as conn,
        code.code(desk.system, desk.reach.catalog) as as_seen,
    ):
        yield conn, as_seen


def _still_due(desk: Desk, request: Open) -> Open | None:
    """Return the request as it stands in its row now; None when it is closed or was given more time."""
    with desk.system.snapshot("gdpr.erase") as look:
        now = {r.reference: r for r in waiting(look, desk.system, desk.key).requests}
    found = now.get(request.reference)
    return found if found is not None and found.ready(desk.now) else None


def _claim(desk: Desk, conn: Connection[TupleRow], as_seen: Code, request: Open) -> bool:
    """Take the request; return False when it is closed or was given more time. Raise Conflict when neither is so."""
    requests = erasure_of(desk.system.policy).requests
    values = requests.states.model_dump() | {
        "request": request.request,
        "requested": request.requested,
        "due": request.due,
        "person": request.person,
    }
    counts, adding = {"requests": 1}, triggers.written_to(desk.system.policy, requests.table)
    # It waits for a cancellation, and heeds it.
    conn.isolation_level = IsolationLevel.READ_COMMITTED
    with effect(conn, desk.claim, as_seen) as change:
        claimed = conn.execute(request_statements.claim_request(requests), values).rowcount
        change.must_be({requests.table: claimed}, adding)
        if claimed:
            change.record(
                "effect", "gdpr.claimed", requests.table, counts=counts, reference=request.reference
            )
    if claimed:
        return True
    if _still_due(desk, request) is None:
        return False
    raise Conflict(
        f"it is due, and setting its {requests.status} changed nothing",
        hint=f"A trigger or rule on {requests.table} keeps it, or somebody changed the request at that moment: "
        "then the next run takes it up.",
    )


def _erase(
    desk: Desk,
    conn: Connection[TupleRow],
    as_seen: Code,
    request: Open,
    entry: Entry | None,
    before: Before | None,
) -> Entry | Done:
    """Erase whatever there is of the person, in as many rounds as more comes meanwhile.

    Claimed only when the rehearsal has shown that it works: a request that is refused stays pending. Return how it
    ended where it ends before that.
    """
    who = _whom(desk, request, entry)
    earlier = asked.known(conn, desk.key, who) if who is not None else None
    begun, claimed = entry is not None, request.processing
    for _ in range(ROUNDS):
        found, before = _looked(desk, of_person(desk.system, desk.reach, who, earlier), before)
        _may_be_done(desk, request, found, entry.state if entry else "new")
        if found is None or before is None:
            return Done(nobody=True)
        earlier = found.note
        work = _erasing(desk, conn, as_seen, request, found, before)
        outside.must_be_reachable(desk.system, work)
        try:
            if begun:  # part of them is gone: what is known of them now must outlive a refusal
                _seal(desk, work, request)
            _nothing_left(desk.reach, before)
            conn.isolation_level = IsolationLevel.REPEATABLE_READ
            erase.rehearse(work)
            if not claimed and not _claim(desk, conn, as_seen, request):
                return Done(withdrawn=True)
            if not begun:
                _seal(desk, work, request)
            begun = claimed = True
            conn.isolation_level = IsolationLevel.REPEATABLE_READ
            # Who places a hold hears of it when this is over, and what it then keeps is what is still there.
            about = person.about(work.note.person)
            quoting = partial(redactions.on_hold, desk.reach, before.redactions, before.whom)
            with nothing_on_hold(desk.system, desk.reach, about, quoting) as still:
                _outside(desk, work, still)
                erase.erase(work)
        except (NotNoted, Moved) as more:
            before = before if isinstance(more, NotNoted) else None  # to look again
        else:
            return _sealed(desk, work, request)
    raise Unproven(
        f"objects, customers, identifiers or quotes came or went {ROUNDS} times while theirs were being deleted",
        hint="Something still works for this person: stop it, then run again.",
    )


def _sealed(desk: Desk, work: Erasing, request: Open) -> Entry:
    """Return what is known of an erasure that has been carried out."""
    who = work.note.person
    found = notes.find(work.conn, desk.key, request.reference, who, request.requested)
    assert found is not None  # it was sealed before
    return found


def _whom(desk: Desk, request: Open, entry: Entry | None) -> str | None:
    with desk.system.snapshot("gdpr.erase") as look:
        return asked.whom(look, desk.reach, desk.system, desk.key, asked.row(request), entry)


def _looked(
    desk: Desk, found: Survey | None, before: Before | None
) -> tuple[Survey | None, Before | None]:
    """Return what was found with the look that was for all the person goes by now: another one if that is more."""
    if found is None:
        return None, None
    if before is None or not before.covers(found.known):
        [before] = beforehand.look(desk.system, desk.reach, [found.known])
    return before.applied(found), before


def _nothing_left(reach: Reach, before: Before) -> None:
    if against := list(still_standing(reach.policy, before.quoted)):
        raise Unproven(
            "; ".join(against),
            hint="Nothing was changed. Say in the policy whose these rows are, or take the value out by hand.",
        )


def _erasing(
    desk: Desk,
    conn: Connection[TupleRow],
    as_seen: Code,
    request: Open,
    found: Survey,
    before: Before,
) -> Erasing:
    return Erasing(
        conn,
        desk.claim,
        as_seen,
        desk.reach,
        request.reference,
        notes.whose(desk.key, found.note.person),
        found.note,
        found.known,
        before,
        desk.system,
        found.rows if desk.shown else None,
    )


def _may_be_done(desk: Desk, request: Open, found: Survey | None, state: str) -> None:
    """Raise Conflict when this is not what a person was shown, Refused when it may not be done at all."""
    if request.reference in desk.shown:
        case = case_of(desk.system, desk.key, request, state, found)
        must_be(desk.shown[request.reference], desk.reach, case)
    if found is not None:
        shown = request.reference in desk.shown
        refuse(desk.reach, found, desk.caps[request.reference], shown=shown)


def _seal(desk: Desk, work: Erasing, request: Open) -> None:
    with effect(work.conn, work.claim, None) as change:
        notes.put(
            work.conn, desk.key, work.reference, request.request, request.requested, work.note
        )
        counts = {
            "identifiers": len(work.note.identifiers),
            "objects": sum(map(len, work.note.objects.values())),
            "customers": len(work.note.payers),
        }
        change.record(
            "effect", "gdpr.sealed", "lifecycle.erasure", counts=counts, reference=work.reference
        )


def _outside(desk: Desk, work: Erasing, still: Callable[[], None]) -> None:
    outside.delete_objects(desk.system, work, still)
    outside.delete_payers(desk.system, work, still)


def _answer_again(
    desk: Desk, conn: Connection[TupleRow], as_seen: Code, request: Open, entry: Entry
) -> Done:
    """Answer a request that was proven before, and that somebody has opened again since."""
    if not request.processing and not _claim(desk, conn, as_seen, request):
        return Done(withdrawn=True)
    answer.complete(desk, conn, as_seen, entry, NOWHERE)
    return Done(answered=True)
