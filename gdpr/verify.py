"""Looks again for a person who is being erased, without changing anything."""

from collections import Counter
from contextlib import closing

from gdpr import notes
from gdpr.notes import Entry
from gdpr.prove import prove
from lifecycle.coverage import Coverage, Judgement, Place, Reason
from lifecycle.errors import LifecycleError, NotFound
from lifecycle.outside.keys import reference_key
from lifecycle.system import System
from lifecycle.words import counted, moment


def verify(system: System, wanted: str) -> Judgement:
    """Return what is left of a person who is being erased, or when nothing was found of one who is.

    Raise NotFound when no erasure of that request was begun.
    """
    key = reference_key(system.settings.reference_key)
    with closing(system.connect("gdpr verify", write=False)) as conn:
        entries = notes.under(conn, key, wanted) or notes.under(
            conn, key, key.reference("request", wanted)
        )
        if not entries:
            raise NotFound(
                "no erasure of that request was begun",
                hint="See `lifecycle gdpr status` for the references of open requests.",
            )
    unproven = [(entry, entry.note) for entry in entries if entry.note is not None]
    if not unproven:
        return _proven(entries[0])
    coverage, counts = Coverage(frozenset(), frozenset()), Counter[str]()
    for proof in prove(system, [note for _, note in unproven]):
        if isinstance(proof, LifecycleError):
            raise proof
        coverage |= proof.coverage
        counts.update(proof.counts)
    states = " and ".join(entry.state for entry, _ in unproven)
    said = f"{states}: the person is found in {counted(len(coverage.found), 'place')}"
    return Judgement(coverage, said, counts)


def _proven(entry: Entry) -> Judgement:
    """Say when nothing was found of somebody whom nobody knows since."""
    own = Place("request", entry.reference)
    when = moment(entry.proven_at) if entry.proven_at else "an unknown time"
    why = Reason(
        "whom to search for is known to nobody since it was answered",
        "`lifecycle runs show` has what was looked at then, and what was not.",
    )
    coverage = Coverage(frozenset({own}), frozenset(), (), {own: why})
    return Judgement(coverage, f"erased, and found nowhere it was looked, at {when}", entry.tables)
