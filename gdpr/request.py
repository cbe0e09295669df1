"""One day of requests, each from claim to proof. This is the file to read first.

    open request, due           claim: `pending` -> `processing`, by compare-and-set; a cancellation wins or loses
    survey, plan.refuse         what is there; whatever would make the erasure wrong is refused before a write
    notes.put                   who and what, sealed: from here on a killed run can be taken up by another
    erase.rehearse              the database part, rolled back: nothing outside goes before it is known to work
    outside.delete_*            objects in all versions, the payer; announced, done, counted
    erase.erase                 the rows, in one transaction with its evidence
    prove.prove                 other eyes; the request is answered only if they find nothing

Each step asks the world what is left to do, so a request in `processing` simply walks the same way again.
One failing request neither stops nor hides the others. Requests appear by keyed reference only.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg
from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow

from gdpr import answer, erase, notes, outside, request_statements
from gdpr.deadline import Open, overdue, soon, still_in_grace
from gdpr.erase import Erasing, MoreOutside
from gdpr.notes import Entry, Note
from gdpr.plan import refuse
from gdpr.prove import Proof, prove
from gdpr.reach import Reach, reach
from gdpr.section import SECTION, Erasure
from gdpr.survey import survey
from lifecycle.config.span import Span
from lifecycle.errors import Fenced, InputError, Interrupted, LifecycleError, Unproven, Unreachable
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure, Outcome, Verdict, worst
from lifecycle.outside.keys import ReferenceKey, reference_key
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog, connect
from lifecycle.system import System

ROUNDS = 3
"""How often what came meanwhile outside is taken too, before the request is left for the next run."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What is the same for all requests of one run."""

    system: System
    claim: Claim
    reach: Reach
    key: ReferenceKey
    now: datetime
    cap: int | None


@dataclass(frozen=True, slots=True)
class Done:
    """How one request ended: proven, withdrawn by its person, or with what a person should know."""

    proven: bool
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    rows: int = 0
    unverified: bool = False
    withdrawn: bool = False


def carry_out(
    system: System, claim: Claim, now: datetime, *, seen: frozenset[str] | None = None
) -> Outcome:
    """Erase everybody whose grace has ended, prove it, and say who should have been answered by now.

    `seen` are the references of a plan that a person has looked at: only those, without the cap on rows.
    Raise Refused when the policy does not fit the database, Unreachable when nothing but that went wrong.
    """
    erasure, key = erasure_of(system.policy), reference_key(system.settings.reference_key)
    with closing(system.connect("gdpr.erase")) as conn:
        found = reach(system.policy, catalog.read(conn), erasure.subject)
        waiting = open_requests(conn, system, key)
    cap = None if seen is not None else system.policy.limits.rows_per_run
    desk = Desk(system, claim, found, key, now, cap)
    ready = [r for r in waiting if r.ready(now) and (seen is None or r.reference in seen)]
    done: dict[str, Done] = {}
    errors: list[LifecycleError] = []
    for request in ready:
        try:
            done[request.reference] = _one(desk, request)
        except (Fenced, Interrupted):
            raise
        except (LifecycleError, psycopg.Error) as error:
            said = connect.explain(error) if isinstance(error, psycopg.Error) else error
            errors.append(said)
            failure = Failure(f"request {request.reference}", said.what, said.hint)
            done[request.reference] = Done(False, (failure,))
    if errors and len(errors) == len(ready) and all(isinstance(e, Unreachable) for e in errors):
        raise errors[0]
    return _outcome(desk, erasure, waiting, done)


def open_requests(
    conn: Connection[TupleRow], system: System, key: ReferenceKey
) -> tuple[Open, ...]:
    """Return all requests that are not answered, the longest due first."""
    requests = erasure_of(system.policy).requests
    rows = conn.execute(
        request_statements.open_requests(requests), requests.states.model_dump()
    ).fetchall()
    return tuple(
        Open(
            request=request,
            reference=key.reference("request", request),
            person=person,
            processing=status == requests.states.processing,
            requested=requested,
            due=due,
            grace=erasure_of(system.policy).grace,
        )
        for request, person, status, requested, due in rows
    )


def erasure_of(policy: Policy) -> Erasure:
    """Return the policy's section. Raise InputError without one."""
    erasure = SECTION.of(policy)
    if erasure is None:
        raise InputError(
            "the policy has no `erasure:`", hint="Add the section, or leave gdpr alone."
        )
    return erasure


def _one(desk: Desk, request: Open) -> Done:
    """Carry one request as far as it goes. Raise LifecycleError when it stays open."""
    with closing(desk.system.connect("gdpr.erase")) as conn:
        # Asked again, as an erasure answers all open requests of the same person.
        waiting = open_requests(conn, desk.system, desk.key)
        if request.reference not in {one.reference for one in waiting}:
            return Done(proven=False, withdrawn=True)
        entry = notes.find(conn, desk.key, request.reference)
        if not request.processing and not _claim(desk, conn, request):
            return Done(proven=False, withdrawn=True)
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        if entry is None or entry.state == "sealed":
            entry = _erase(desk, conn, request, entry)
            if entry is None:
                return _nobody(request)
        elif entry.note is not None:
            work = Erasing(conn, desk.claim, desk.reach, request.reference, entry.note)
            _outside(desk, work)
            erase.erase(work)  # nothing is left but what somebody wrote between erasure and proof
        return _prove(desk, conn, entry)


def _claim(desk: Desk, conn: Connection[TupleRow], request: Open) -> bool:
    """Take the request; return False when somebody cancelled it or took it first."""
    requests = erasure_of(desk.system.policy).requests
    values = requests.states.model_dump() | {"request": request.request, "now": desk.now}
    counts = {"requests": 1}
    # Read committed: it waits for a cancellation, and heeds it.
    with effect(conn, desk.claim) as change:
        if not conn.execute(request_statements.claim_request(requests), values).rowcount:
            return False
        change.record(
            "effect", "gdpr.claimed", requests.table, counts=counts, reference=request.reference
        )
    return True


def _erase(
    desk: Desk,
    conn: Connection[TupleRow],
    request: Open,
    entry: Entry | None,
) -> Entry | None:
    """Seal, rehearse, delete outside, erase. Return None when nobody knows whom the request is about."""
    earlier = entry.note if entry else None
    who = earlier.person if earlier else request.person
    if who is None:
        return None
    for _ in range(ROUNDS):
        found = survey(conn, desk.reach, who, earlier)
        if found is not None:
            refuse(desk.reach, found, desk.cap)
        note = found.note if found else earlier
        if note is None:
            return None
        work = Erasing(conn, desk.claim, desk.reach, request.reference, note)
        _seal(desk, work, request)
        outside.must_be_reachable(desk.system, work)
        try:
            erase.rehearse(work)
            _outside(desk, work)
            erase.erase(work)
        except MoreOutside:
            earlier = note
            continue
        return notes.find(conn, desk.key, request.reference)
    raise Unproven(
        f"objects or customers were added {ROUNDS} times while they were being deleted",
        hint="Something still works for this person: stop it, then run again.",
    )


def _seal(desk: Desk, work: Erasing, request: Open) -> None:
    with effect(work.conn, work.claim) as change:
        notes.put(
            work.conn, desk.key, work.reference, request.request, (request.request,), work.note
        )
        counts = {
            "identifiers": len(work.note.identifiers),
            "objects": sum(map(len, work.note.objects.values())),
            "customers": len(work.note.payers),
        }
        change.record(
            "effect", "gdpr.sealed", "lifecycle.erasure", counts=counts, reference=work.reference
        )


def _outside(desk: Desk, work: Erasing) -> None:
    outside.delete_objects(desk.system, work)
    outside.delete_payers(desk.system, work)


def _prove(desk: Desk, conn: Connection[TupleRow], entry: Entry) -> Done:
    """Look again; answer the request when nothing is found."""
    note: Note | None = entry.note
    if note is None:  # proven before, and somebody has opened the request again since
        answer.complete(conn, desk.claim, desk.system.policy, entry, Proof(), desk.now)
        return Done(proven=True)
    standing = answer.refresh_statistics(conn, desk.reach, note)
    proof = prove(desk.system, desk.reach, note, standing)
    if proof.failures:
        answer.write_failure(conn, desk.claim, entry.reference, proof)
        failures = tuple(
            replace(f, target=f"request {entry.reference}: {f.target}") for f in proof.failures
        )
        return Done(False, failures, tuple(proof.notes))
    written = answer.write_ledger(desk.system, entry)
    answer.complete(conn, desk.claim, desk.system.policy, entry, proof, desk.now)
    said = (
        () if written else ("no erasure ledger outside the database: no bucket `erasure-ledger`",)
    )
    return Done(True, (), (*proof.notes, *said), sum(entry.tables.values()))


def _nobody(request: Open) -> Done:
    failure = Failure(
        f"request {request.reference}",
        "the person is gone already and no note says who it was, so nothing can be searched for",
        "Their row was deleted by hand. Check by hand what the plan would have erased, then answer the request.",
    )
    return Done(False, (failure,), unverified=True)


def _outcome(
    desk: Desk, erasure: Erasure, waiting: tuple[Open, ...], done: Mapping[str, Done]
) -> Outcome:
    answered = {ref for ref, one in done.items() if one.proven or one.withdrawn}
    left = tuple(request for request in waiting if request.reference not in answered)
    late = overdue(left, erasure.deadline, desk.now)
    failures = [failure for one in done.values() for failure in one.failures]
    if late:
        hint = "GDPR Art. 12(3). See `lifecycle gdpr status`, and tell the people concerned."
        what = f"{len(late)} requests are past the legal deadline of {erasure.deadline}"
        failures.append(Failure(erasure.requests.table, what, hint))
    counts = {
        "due": sum(not one.withdrawn for one in done.values()),
        "proven": sum(one.proven for one in done.values()),
        "rows": sum(one.rows for one in done.values()),
        "waiting": len(left),
        "overdue": len(late),
    }
    said = [f"{counts['proven']} of {counts['due']} due requests erased and proven"]
    said += _clock_words(left, erasure.deadline, desk.now)
    said += dict.fromkeys(note for one in done.values() for note in one.notes)
    parts = [
        Verdict.UNVERIFIED if one.unverified else Verdict.FAIL
        for one in done.values()
        if one.failures
    ]
    verdict = worst([*parts, Verdict.FAIL if late else Verdict.PASS])
    return Outcome(verdict, "; ".join(said), counts, tuple(failures))


def _clock_words(left: tuple[Open, ...], deadline: Span, now: datetime) -> Iterator[str]:
    if near := soon(left, deadline, now):
        yield f"{len(near)} near the legal deadline"
    if unanswerable := still_in_grace(left, deadline, now):
        yield f"{len(unanswerable)} past the deadline and still in grace: shorten the grace"
