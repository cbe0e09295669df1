"""Looks again, with other eyes: an independent connection that can only read, and another way of searching.

Where the erasure matched a pattern inside the database, the proof asks for every row that contains an
identifier as any part of its text, and decides here what is a name and what is a longer word. It looks where
the erasure does not: materialized views, the planner's statistics, the object store, Stripe. Never changes
anything.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from audit import anonymise
from audit.section import SECTION as AUDIT
from gdpr import aggregates, batches, places, references, samples
from gdpr import statements_of_search as search
from gdpr.needles import spellings, stands_in
from gdpr.notes import Note
from gdpr.payer import payer
from gdpr.person import as_person, count, searched
from gdpr.reach import Reach, reach, searchable
from gdpr.waiting import erasure_of
from lifecycle.coverage import Coverage, Looks, Place, Reason
from lifecycle.errors import Unproven
from lifecycle.outcome import Failure
from lifecycle.outside import objects
from lifecycle.postgres import catalog
from lifecycle.postgres.catalog import Table
from lifecycle.postgres.names import policy_name, sql_name
from lifecycle.system import System
from lifecycle.words import counted

_HINT = (
    "The request stays open. Take the value out (refresh a materialized view), or say in the policy whose it is; "
    "then `lifecycle run gdpr.erase` proves it."
)

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
    """Where was looked and what was found there, held against what is promised; `counts` says how much was read."""

    coverage: Coverage
    counts: dict[str, int]

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Return the traces of the person. A proof that holds has none."""
        return self.coverage.found


NOWHERE = Proof(Coverage(frozenset(), frozenset()), {})
"""The proof about somebody whom nobody knows any more."""


@dataclass(frozen=True, slots=True)
class _Search:
    """One search under way: each look is noted by the function that looks."""

    looks: Looks = field(default_factory=Looks)
    counts: dict[str, int] = field(default_factory=dict[str, int])

    def read(self, what: str, number: int) -> None:
        self.counts[what] = self.counts.get(what, 0) + number

    def found(self, target: str, what: str, hint: str = _HINT) -> None:
        self.looks.found(Failure(target, what, hint))


def prove(system: System, note: Note) -> Proof:
    """Look for a person at every place of today's catalog, and where their note says; return what is left of them.

    Raise Refused when the database is no longer what the policy says, Unreachable and the like when a place could
    not be looked at: that is no proof either.
    """
    policy, kind = system.policy, erasure_of(system.policy).subject
    proof = _Search()
    with system.connect("gdpr prove") as conn:  # not as a reader, who may come to a standby
        conn.read_only = True
        with conn.transaction(force_rollback=True):
            before = catalog.read(conn)
            found = reach(policy, before, kind)
            known = searched(conn, found, note)
            _rows(proof, conn, found, note)
            _log(proof, conn, found, known)
            _values(proof, conn, found, known)
            _views(proof, conn, known)
            _statistics(proof, conn, known)
            places.ambiguous(proof.looks, len(note.identifiers) - len(known.identifiers))
            for place, reason in places.limits(found).items():
                proof.looks.not_at(place, reason)
            after = catalog.read(conn)
            there = reach(policy, after, kind)
            _written_anew(proof, system, conn, there)
            _detaching(proof, there)
            places.unreached(proof.looks, conn, before, after)
            promised = places.promised(conn, there) | places.of_person(note)
    _objects(proof, system, note)
    _payers(proof, system, note)
    return Proof(proof.looks.cover(promised), proof.counts)


def _detaching(proof: _Search, reach: Reach) -> None:
    for table in reach.tables():
        for part in table.detaching:
            what = f"the detach of {part} was begun and not ended: nobody finds rows there through {table.name}"
            hint = "Finish it: `alter table ... detach partition ... finalize`, or attach it again."
            proof.found(table.name, what, hint)


def _written_anew(proof: _Search, system: System, conn: Connection[TupleRow], reach: Reach) -> None:
    """Find the proof void where chunks were compressed meanwhile: to this snapshot they are empty."""
    with system.snapshot("gdpr prove again") as another:
        moved = batches.written_anew(batches.noted(conn, reach), batches.noted(another, reach))
    if moved:
        what = f"{counted(moved, 'chunk')} of a hypertable changed while it was searched"
        hint = "Rows in them were perhaps not seen. The request stays open; the next run searches again."
        proof.found("hypertables", what, hint)


def _rows(proof: _Search, conn: Connection[TupleRow], reach: Reach, note: Note) -> None:
    with proof.looks.at(*places.rows(reach)):
        rows = count(conn, reach, note.person, keys=True)
    for part in (rows.deleted, rows.kept, rows.mentions):
        proof.read("predicates", len(part))
        for where, left in part.items():
            if left:
                proof.found(where, f"{counted(left, 'row')} of the person there")
    with proof.looks.at(*places.references(reach)):
        for where, left in references.left(conn, reach, note.led):
            proof.read("predicates", 1)
            if left:
                what = f"{counted(left, 'row')} there lead to what was the person's and is gone"
                proof.found(where, what, _LATE)


def _log(proof: _Search, conn: Connection[TupleRow], reach: Reach, note: Note) -> None:
    with proof.looks.at(*places.log(reach)):
        left = anonymise.left(conn, reach.policy, reach.catalog, as_person(reach, note))
    log = AUDIT.of(reach.policy)
    if left and log:
        proof.found(
            log.table, f"the person still stands in {counted(left, 'row')} of the audit log"
        )


def _values(proof: _Search, conn: Connection[TupleRow], reach: Reach, note: Note) -> None:
    for table in reach.catalog.tables.values():
        with proof.looks.at(*places.read_with(table)):
            left = _hits(proof, conn, table, spellings(note))
        if left:
            proof.found(table.name, f"an identifier stands in {counted(left, 'row')}")
        for name in table.batches:
            with proof.looks.at(Place("relation", name)):
                left = batches.showing(conn, name, spellings(note))
            if left:
                proof.found(name, f"an identifier stands in {counted(left, 'batch', 'batches')}")


def _hits(proof: _Search, conn: Connection[TupleRow], table: Table, needles: Sequence[str]) -> int:
    """Return how many rows of a table quote the person: none where no column can."""
    columns = searchable(table)
    proof.read("columns", len(columns))
    if not columns:
        return 0
    query = search.candidates(sql_name(table.name), columns, len(needles))
    rows, hits = quoting(conn, query, needles, {})
    proof.read("rows", rows)
    return hits


def quoting(
    conn: Connection[TupleRow], query: sql.Composed, needles: Sequence[str], values: dict[str, Any]
) -> tuple[int, int]:
    """Ask for `search.candidates`; return (rows read, those in which a needle stands as a whole)."""
    named = values | {f"needle_{i}": n for i, n in enumerate(needles)}
    rows, texts = conn.execute(query, named).fetchone() or (0, ())
    return rows, sum(any(stands_in(text, needle) for needle in needles) for text in texts)


def _views(proof: _Search, conn: Connection[TupleRow], note: Note) -> None:
    for view, left in in_views(proof.looks, conn, note):
        proof.read("views", 1)
        if left:
            proof.found(view, "an identifier stands in a materialized view: refresh it")
    for one, left in aggregates.showing(proof.looks, conn, spellings(note)):
        proof.read("views", 1)
        if left:
            what = f"an identifier stands in {counted(left, 'row')} of a continuous aggregate"
            again = aggregates.AGAIN.format(view=one.view, stored=f"{one.schema}.{one.stored}")
            proof.found(one.view, what, again)


def in_views(looks: Looks, conn: Connection[TupleRow], note: Note) -> Iterator[tuple[str, int]]:
    """Look at every materialized view; yield its name and how many of its rows quote the person."""
    needles = spellings(note)
    for schema, view, readable in conn.execute(search.MATVIEWS).fetchall():
        place = Place("relation", policy_name(schema, view))
        if not readable:
            fix = f"grant select on {schema}.{view} to lifecycle;"
            looks.not_at(place, Reason("this role may not read it", fix))
            continue
        with looks.at(place):
            rows = conn.execute(search.whole_rows(schema, view), {"needles": needles}).fetchall()
        hits = sum(any(stands_in(text, needle) for needle in needles) for (text,) in rows)
        yield f"{schema}.{view}", hits


def sampled(conn: Connection[TupleRow], note: Note) -> tuple[str, ...]:
    """Return the tables of which the planner keeps samples that quote the person."""
    needles = spellings(note)
    rows = conn.execute(search.STATISTICS, {"needles": needles}).fetchall()
    found = (
        policy_name(schema, name)
        for schema, name, text in rows
        if any(stands_in(text, needle) for needle in needles)
    )
    return tuple(dict.fromkeys(found))


def _statistics(proof: _Search, conn: Connection[TupleRow], note: Note) -> None:
    proof.read("statistics", 1)
    with proof.looks.at(places.STATISTICS):
        quoting = sampled(conn, note)
    for table in quoting:
        hint = samples.hint(conn, table)
        proof.found(f"statistics of {table}", "the planner's samples quote the person", hint)


def _objects(proof: _Search, system: System, note: Note) -> None:
    if not note.objects:
        return
    store = objects.store(system)
    try:
        for bucket, keys in note.objects.items():
            proof.looks.not_at(places.nameless(bucket), _NAMELESS)
            proof.read("objects", len(keys))
            with proof.looks.at(Place("bucket", bucket)):
                left = sum(len(store.versions(bucket, key)) for key in keys)
            if left:
                proof.found(bucket, f"{left} versions of the person's objects are there")
    finally:
        store.close()


def _payers(proof: _Search, system: System, note: Note) -> None:
    if not note.payers:
        return
    account = payer(system)
    with proof.looks.at(places.PAYER):
        for customer in note.payers:
            proof.read("customers", 1)
            try:
                account.must_be_deleted(customer)
            except Unproven as error:
                proof.found("stripe", error.what)
