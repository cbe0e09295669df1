"""What a person may look at without changing anything: the plan of open requests, the proof of one."""

from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import notes
from gdpr.deadline import Open
from gdpr.plan import Case, ErasureStep, refuse
from gdpr.plan import plan as decide
from gdpr.prove import prove
from gdpr.reach import Reach, reach
from gdpr.request import erasure_of, open_requests
from gdpr.survey import Survey, survey
from lifecycle.errors import NotFound
from lifecycle.outcome import Outcome, Verdict
from lifecycle.outside import objects
from lifecycle.outside.keys import ReferenceKey, reference_key
from lifecycle.plan import Plan
from lifecycle.postgres import catalog
from lifecycle.system import System


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan, and the references of the requests in it."""

    plan: Plan[ErasureStep]
    references: frozenset[str]


def plan(system: System, now: datetime, wanted: str | None) -> Preview:
    """Return what would be done now for one request, or for all that are due.

    Raise Refused when it may not be done, NotFound when no open request is called so.
    """
    key = reference_key(system.settings.reference_key)
    with closing(system.connect("gdpr plan", write=False)) as conn:
        found = reach(system.policy, catalog.read(conn), erasure_of(system.policy).subject)
        waiting = open_requests(conn, system, key)
        chosen = [r for r in waiting if wanted in (None, r.reference, r.request) and r.ready(now)]
        if wanted is not None and not chosen:
            raise NotFound(
                "no request of that name is due",
                hint="See `lifecycle gdpr status` for the references of open requests and their days.",
            )
        cases = [_case(system, conn, found, key, request) for request in chosen]
        unproven = [r for r in chosen if _erased(conn, key, r)]
    decided = decide(found, system.name, system.policy_digest, tuple(c for c in cases if c))
    if unproven:
        note = f"{len(unproven)} requests are erased and not yet proven: `lifecycle run gdpr.erase` proves them"
        decided = replace(decided, notes=(*decided.notes, note))
    return Preview(decided, frozenset(case.reference for case in cases if case))


def verify(system: System, wanted: str) -> Outcome:
    """Return what is left of a person who is being erased, or when it was proven of one who is.

    Raise NotFound when no erasure of that request was begun.
    """
    key = reference_key(system.settings.reference_key)
    with closing(system.connect("gdpr verify", write=False)) as conn:
        entry = notes.find(conn, key, wanted) or notes.find(
            conn, key, key.reference("request", wanted)
        )
        if entry is None:
            raise NotFound(
                "no erasure of that request was begun",
                hint="See `lifecycle gdpr status` for the references of open requests.",
            )
        found = reach(system.policy, catalog.read(conn), erasure_of(system.policy).subject)
    if entry.note is None:
        when = entry.proven_at.isoformat() if entry.proven_at else "an unknown time"
        said = f"proven at {when}; whom to search for is known to nobody since"
        return Outcome(Verdict.PASS, said, entry.tables)
    proof = prove(system, found, entry.note, frozenset())
    verdict = Verdict.FAIL if proof.failures else Verdict.PASS
    said = f"{entry.state}: the person is found in {len(proof.failures)} places"
    return Outcome(verdict, said, proof.counts, tuple(proof.failures))


def _erased(conn: Connection[TupleRow], key: ReferenceKey, request: Open) -> bool:
    entry = notes.find(conn, key, request.reference)
    return entry is not None and entry.state == "erased"


def _case(
    system: System, conn: Connection[TupleRow], found: Reach, key: ReferenceKey, request: Open
) -> Case | None:
    entry = notes.find(conn, key, request.reference)
    earlier = entry.note if entry else None
    person = earlier.person if earlier else request.person
    surveyed = survey(conn, found, person, earlier) if person else None
    if surveyed is None:
        return None
    refuse(found, surveyed, None)
    return Case(request.reference, surveyed, _versions(system, surveyed))


def _versions(system: System, surveyed: Survey) -> dict[str, int]:
    if not surveyed.note.objects:
        return {}
    store = objects.store(system)
    try:
        return {
            bucket: sum(len(store.versions(bucket, key)) for key in keys)
            for bucket, keys in surveyed.note.objects.items()
        }
    finally:
        store.close()
