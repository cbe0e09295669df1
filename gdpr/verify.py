"""Looks again for a person who is being erased, without changing anything."""

from contextlib import closing

from gdpr import notes, places
from gdpr.prove import prove
from gdpr.reach import reach
from gdpr.waiting import erasure_of
from lifecycle.coverage import Coverage, Judgement, Place, Reason
from lifecycle.errors import NotFound
from lifecycle.outside.keys import reference_key
from lifecycle.postgres import catalog
from lifecycle.system import System
from lifecycle.words import counted, moment


def verify(system: System, wanted: str) -> Judgement:
    """Return what is left of a person who is being erased, or when nothing was found of one who is.

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
        promised = places.promised(conn, found)
    own = Place("request", entry.reference)
    if entry.note is None:
        when = moment(entry.proven_at) if entry.proven_at else "an unknown time"
        why = Reason(
            "whom to search for is known to nobody since it was answered",
            "`lifecycle runs show` has what was looked at then, and what was not.",
        )
        coverage = Coverage(frozenset({own}), frozenset(), (), {own: why})
        return Judgement(
            coverage, f"erased, and found nowhere it was looked, at {when}", entry.tables
        )
    proof = prove(system, found, entry.note, promised | places.of_person(entry.note))
    said = f"{entry.state}: the person is found in {counted(len(proof.failures), 'place')}"
    return Judgement(proof.coverage, said, proof.counts)
