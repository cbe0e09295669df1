"""Looks again, with other eyes: an independent connection that can only read, and another way of searching.

Where the erasure matched a pattern inside the database, the proof reads everything that a dump would print, once for
everybody of the night (`search/`), and decides here whose it is. It looks where the erasure does not: materialized
views, the planner's statistics, the object store, Stripe. Never changes anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from audit import anonymise
from audit.section import SECTION as AUDIT
from gdpr import batches, places, places_of_names, recorded, references, samples, traces
from gdpr.note import Note
from gdpr.payer import payer
from gdpr.person import as_person, count, searched
from gdpr.reach import Reach, reach
from gdpr.search import database, relations
from gdpr.search.database import Searched
from gdpr.search.needles import Needles
from gdpr.waiting import erasure_of
from lifecycle.coverage import Coverage, Looks, Place, Reason
from lifecycle.errors import Fenced, Interrupted, LifecycleError, Unproven
from lifecycle.outcome import Failure
from lifecycle.outside import objects
from lifecycle.postgres import catalog, connect
from lifecycle.system import System
from lifecycle.words import counted

_LATE = (
    "The request stays open. Somebody wrote them meanwhile, and no foreign key kept them out: delete them, or empty "
    "the reference, by hand; then `lifecycle run gdpr.erase` proves it."
)

_NAMELESS = Reason(
    "an object is found by the row that names its key, and by nothing else",
    "Where an application leaves older files under a person's prefix, list that prefix by hand.",
    "limit",
)


@dataclass(frozen=True, slots=True)
class Proof:
    """Where was looked and what was found there, held against what is promised; `counts` says how much was read.

    `record` is what is kept of it for the certificate. `forgotten`: where nobody looked, and nobody says why.
    """

    coverage: Coverage
    counts: dict[str, int]
    record: dict[str, Any] = field(default_factory=dict[str, Any])
    forgotten: frozenset[Place] = frozenset()

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Return the traces of the person. A proof that holds has none."""
        return self.coverage.found


NOWHERE = Proof(Coverage(frozenset(), frozenset()), {})
"""The proof about somebody whom nobody knows any more."""


@dataclass(frozen=True, slots=True)
class _Look:
    """One look under way: each place is noted by the function that looks."""

    looks: Looks = field(default_factory=Looks)
    counts: dict[str, int] = field(default_factory=dict[str, int])

    def read(self, what: str, number: int) -> None:
        self.counts[what] = self.counts.get(what, 0) + number

    def found(self, target: str, what: str, hint: str = traces.HINT) -> None:
        self.looks.found(Failure(target, what, hint))


@dataclass(frozen=True, slots=True)
class _Everywhere:
    """What the one search for everybody saw. `looks`: of all places that are the same for each of them.

    It looked for so many `people`, and behind them, in the same order, for their weak names.
    """

    reach: Reach
    looks: Looks
    searched: Searched
    before: frozenset[Place]
    began: datetime
    chunks: Any
    people: int


def prove(
    system: System, notes: Sequence[Note], stale: Mapping[Place, Reason] = MappingProxyType({})
) -> tuple[Proof | LifecycleError, ...]:
    """Look for these people at every place of today's catalog, and where their notes say; return what is left of each.

    `stale`: copies that could not be made anew before, with why. The database is read once for all of them. What
    could not be asked about one of them alone is returned as an error: that is no proof, and hinders nobody else's.
    Raise Refused when the database is no longer what the policy says, Unreachable and the like when it could not be
    looked at.
    """
    own = [_Look() for _ in notes]
    seen, errors = _search(system, notes, own)
    there, everywhere, hints = _since(system, seen, stale)
    found: list[Proof | LifecycleError] = []
    for whose, (note, look) in enumerate(zip(notes, own, strict=True)):
        try:
            if whose in errors:
                raise errors[whose]
            look.looks.found(*traces.told(seen.searched, whose, hints))
            _objects(look, system, note)
            _payers(look, system, note)
        except (Fenced, Interrupted):
            raise
        except LifecycleError as error:
            found.append(error)
            continue
        theirs = look.looks.cover(places.of_person(there, note))
        coverage, forgotten = everywhere | theirs, everywhere.forgotten() | theirs.forgotten()
        review = traces.by_table(seen.searched, seen.people + whose)
        record = recorded.of_proof(system, there, coverage, seen.searched, review)
        counts = (
            look.counts
            | seen.searched.counts()
            | ({"to_review": sum(review.values())} if note.weak else {})
        )
        found.append(Proof(coverage, counts, record, forgotten))
    return tuple(found)


def _search(
    system: System, notes: Sequence[Note], own: Sequence[_Look]
) -> tuple[_Everywhere, dict[int, LifecycleError]]:
    """Ask for each person's rows, then look through the database for all: in one snapshot, whatever it takes."""
    errors: dict[int, LifecycleError] = {}
    under_way = places.still_under_way(system)
    with system.snapshot("gdpr prove") as conn:  # not as a reader, who may come to a standby
        picture = catalog.read(conn)
        found = reach(system.policy, picture, erasure_of(system.policy).subject)
        known: list[Note] = []
        for whose, (note, look) in enumerate(zip(notes, own, strict=True)):
            known.append(note)
            try:
                with conn.transaction(force_rollback=True):
                    known[whose] = searched(conn, found, note)
                    _of_person(look, conn, found, note, known[whose])
            except (LifecycleError, psycopg.Error) as error:
                if conn.broken or isinstance(error, (Fenced, Interrupted)):
                    raise
                errors[whose] = (
                    connect.explain(error) if isinstance(error, psycopg.Error) else error
                )
        looks, there = Looks(), relations.there(conn, picture)
        for place, reason in under_way.items():
            looks.not_at(place, reason)
        needles = Needles([*(note.needles() for note in known), *(note.weak for note in known)])
        before, chunks = places.stored(conn), batches.noted(conn, found)
        what = database.search(conn, there, needles, looks)
        seen = _Everywhere(found, looks, what, before, database.began(conn), chunks, len(known))
    if what.anew:
        with system.snapshot("gdpr prove what was written anew") as conn:
            seen = replace(seen, searched=database.again(conn, what, needles, looks))
    return seen, errors


def _of_person(
    look: _Look, conn: Connection[TupleRow], found: Reach, note: Note, known: Note
) -> None:
    _rows(look, conn, found, note)
    _log(look, conn, found, known)
    places_of_names.ambiguous(look.looks, len(note.identifiers) - len(known.identifiers))
    places_of_names.short(look.looks, known)


def _since(
    system: System, seen: _Everywhere, stale: Mapping[Place, Reason]
) -> tuple[Reach, Coverage, Mapping[str, str]]:
    """Hold what was promised everywhere, as the database is now, against where was looked.

    What was written since, or by transactions that had begun before, that snapshot did not show. Return with it by
    table what makes the planner forget samples that quote anybody.
    """
    with system.snapshot("gdpr prove again") as another:
        after = catalog.read(another)
        there = reach(system.policy, after, erasure_of(system.policy).subject)
        look = _Look(seen.looks)
        for place, reason in {**places.limits(there), **stale}.items():
            seen.looks.not_at(place, reason)
        _written_anew(look, seen, another)
        _detaching(look, there)
        places.unreached(seen.looks, another, after, seen.before, seen.began)
        quoting = dict.fromkeys(table for _, table in seen.searched.samples)
        hints = {table: samples.hint(another, table) for table in quoting}
        promised = places.promised(another, there) | stale.keys()
        return there, seen.looks.cover(promised), hints


def _detaching(look: _Look, reach: Reach) -> None:
    for table in reach.tables():
        for part in table.detaching:
            what = f"the detach of {part} was begun and not ended: nobody finds rows there through {table.name}"
            hint = "Finish it: `alter table ... detach partition ... finalize`, or attach it again."
            look.found(table.name, what, hint)


def _written_anew(look: _Look, seen: _Everywhere, conn: Connection[TupleRow]) -> None:
    """Find the proof void where chunks were compressed meanwhile: to that snapshot they are empty."""
    moved = batches.written_anew(seen.chunks, batches.noted(conn, seen.reach))
    if moved:
        what = f"{counted(moved, 'chunk')} of a hypertable changed while it was searched"
        hint = "Rows in them were perhaps not seen. The request stays open; the next run searches again."
        look.found("hypertables", what, hint)


def _rows(look: _Look, conn: Connection[TupleRow], reach: Reach, note: Note) -> None:
    with look.looks.at(*places.rows(reach)):
        rows = count(conn, reach, note.person, keys=True)
    for part in (rows.deleted, rows.kept, rows.mentions):
        look.read("predicates", len(part))
        for where, left in part.items():
            if left:
                look.found(where, f"{counted(left, 'row')} of the person there")
    with look.looks.at(*places.references(reach)):
        for where, left in references.left(conn, reach, note.led):
            look.read("predicates", 1)
            if left:
                what = f"{counted(left, 'row')} there lead to what was the person's and is gone"
                look.found(where, what, _LATE)


def _log(look: _Look, conn: Connection[TupleRow], reach: Reach, note: Note) -> None:
    with look.looks.at(*places.log(reach)):
        left, _ = anonymise.which(conn, reach.policy, reach.catalog, as_person(reach, note))
    log = AUDIT.of(reach.policy)
    if left and log:
        look.found(log.table, f"the person still stands in {counted(left, 'row')} of the audit log")


def _objects(look: _Look, system: System, note: Note) -> None:
    if not note.objects:
        return
    store = objects.store(system)
    try:
        for bucket, keys in note.objects.items():
            look.looks.not_at(places.nameless(bucket), _NAMELESS)
            look.read("objects", len(keys))
            with look.looks.at(Place("bucket", bucket)):
                left = sum(len(store.versions(bucket, key)) for key in keys)
            if left:
                look.found(bucket, f"{left} versions of the person's objects are there")
    finally:
        store.close()


def _payers(look: _Look, system: System, note: Note) -> None:
    if not note.payers:
        return
    account = payer(system)
    with look.looks.at(places.PAYER):
        for customer in note.payers:
            look.read("customers", 1)
            try:
                account.must_be_deleted(customer)
            except Unproven as error:
                look.found("stripe", error.what)
