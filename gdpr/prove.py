"""Looks again, with other eyes: an independent connection that can only read, and another way of searching.

Where the erasure matched a pattern inside the database, the proof asks for every row that contains an
identifier as any part of its text, and decides here what is a name and what is a longer word. It looks where
the erasure does not: materialized views, the planner's statistics, the object store, Stripe. Never changes
anything.
"""

import json
import re
from dataclasses import dataclass, field

from psycopg import Connection
from psycopg.rows import TupleRow

from audit import anonymise
from audit.section import SECTION as AUDIT
from gdpr import places
from gdpr import statements_of_search as search
from gdpr.notes import Note
from gdpr.payer import payer
from gdpr.person import as_person, count
from gdpr.reach import Reach, searchable
from lifecycle.coverage import Coverage, Place, Reason
from lifecycle.errors import Unproven
from lifecycle.outcome import Failure
from lifecycle.outside import objects
from lifecycle.postgres.names import policy_name
from lifecycle.system import System

_HINT = (
    "The request stays open. Take the value out (refresh a materialized view), or say in the policy whose it is; "
    "then `lifecycle run gdpr.erase` proves it."
)

_NAMELESS = Reason(
    "an object is found by the row that names its key, and by nothing else",
    "Where an application leaves older files under a person's prefix, list that prefix by hand.",
    "limit",
)


@dataclass(slots=True)
class Proof:
    """What was looked at and what was found. Nothing was found when there are no failures."""

    failures: list[Failure] = field(default_factory=list[Failure])
    notes: list[str] = field(default_factory=list[str])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    places: dict[Place, Reason | None] = field(default_factory=dict[Place, "Reason | None"])

    def coverage(self) -> Coverage:
        """Return the places, and which of them nobody looked at."""
        unseen = {place: reason for place, reason in self.places.items() if reason is not None}
        promised = frozenset(self.places)
        return Coverage(promised, promised - frozenset(unseen), (), unseen)

    def looked(self, what: str, number: int) -> None:
        """Count what was looked at."""
        self.counts[what] = self.counts.get(what, 0) + number

    def found(self, target: str, what: str) -> None:
        """Note a trace of the person."""
        self.failures.append(Failure(target, what, _HINT))


def prove(system: System, reach: Reach, note: Note, standing: frozenset[str]) -> Proof:
    """Return what is left of a person anywhere. `standing` are tables whose statistics could not be made anew.

    Raise Unreachable and the like when a place could not be looked at: that is no proof either.
    """
    proof = Proof()
    with system.connect("gdpr prove", write=False) as conn:
        conn.read_only = True
        with conn.transaction():
            proof.places |= dict(places.unreached(conn, reach.catalog)) | places.BEYOND
            _rows(proof, conn, reach, note)
            _values(proof, conn, reach, note)
            _views(proof, conn, note)
            _statistics(proof, conn, note, standing)
    _objects(proof, system, note)
    _payers(proof, system, note)
    return proof


def _rows(proof: Proof, conn: Connection[TupleRow], reach: Reach, note: Note) -> None:
    rows = count(conn, reach, note.person)
    for part in (rows.deleted, rows.kept, rows.mentions):
        proof.looked("predicates", len(part))
        for where, left in part.items():
            if left:
                proof.found(where, f"{left} rows of the person are there")
    left = anonymise.left(conn, reach.policy, reach.catalog, as_person(reach, note))
    log = AUDIT.of(reach.policy)
    if left and log:
        proof.found(log.table, f"{left} rows of the audit log still carry the person")


def _values(proof: Proof, conn: Connection[TupleRow], reach: Reach, note: Note) -> None:
    needles = spellings(note)
    for table in reach.catalog.tables.values():
        columns = searchable(table)
        proof.looked("columns", len(columns))
        if not columns:
            continue
        query = search.candidates(table.name, columns, len(needles))
        row = conn.execute(query, {f"needle_{i}": n for i, n in enumerate(needles)}).fetchone()
        rows, texts = row or (0, ())
        proof.looked("rows", rows)
        left = sum(any(stands_in(text, needle) for needle in needles) for text in texts)
        if left:
            proof.found(table.name, f"an identifier stands in {left} rows")


def _views(proof: Proof, conn: Connection[TupleRow], note: Note) -> None:
    needles = spellings(note)
    for schema, view, readable in conn.execute(search.MATVIEWS).fetchall():
        if not readable:
            why = Reason(
                "this role may not read it", f"grant select on {schema}.{view} to lifecycle;"
            )
            proof.places[Place("relation", policy_name(schema, view))] = why
            continue
        proof.looked("views", 1)
        rows = conn.execute(search.whole_rows(schema, view), {"needles": needles}).fetchall()
        if any(stands_in(row[0], needle) for row in rows for needle in needles):
            proof.found(
                f"{schema}.{view}", "an identifier stands in a materialized view: refresh it"
            )


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


def _statistics(
    proof: Proof, conn: Connection[TupleRow], note: Note, standing: frozenset[str]
) -> None:
    proof.looked("statistics", 1)
    for table in sampled(conn, note):
        if table in standing:
            why = Reason("the planner's samples of it quote the person still", f"analyze {table};")
            proof.places[Place("statistics", table)] = why
        else:
            proof.found(table, "an identifier stands in the planner's statistics")


def _objects(proof: Proof, system: System, note: Note) -> None:
    if not note.objects:
        return
    store = objects.store(system)
    try:
        for bucket, keys in note.objects.items():
            proof.places[Place("bucket", bucket)] = None
            proof.places[Place("bucket", f"{bucket}, objects that no row names")] = _NAMELESS
            proof.looked("objects", len(keys))
            left = sum(len(store.versions(bucket, key)) for key in keys)
            if left:
                proof.found(bucket, f"{left} versions of the person's objects are there")
    finally:
        store.close()


def _payers(proof: Proof, system: System, note: Note) -> None:
    if not note.payers:
        return
    account = payer(system)
    proof.places[Place("processor", "stripe")] = None
    for customer in note.payers:
        proof.looked("customers", 1)
        try:
            account.must_be_deleted(customer)
        except Unproven as error:
            proof.found("stripe", error.what)


def spellings(note: Note) -> list[str]:
    """Return what to search for: every identifier long enough to mean somebody, as in text and as in JSON."""
    found = [needle for needle in note.needles() if len(needle) >= anonymise.SHORTEST]
    return list(dict.fromkeys([*found, *(json.dumps(n, ensure_ascii=False)[1:-1] for n in found)]))


def stands_in(text: str, needle: str) -> bool:
    """Say whether `needle` stands in `text` as a whole, and not as a part of a longer word or address."""
    text, needle = text.casefold(), needle.casefold()
    start = text.find(needle)
    while start >= 0:
        before, after = text[:start], text[start + len(needle) :]
        if _begins(before, "@" in needle) and _ends(after, "@" in needle):
            return True
        start = text.find(needle, start + 1)
    return False


def _begins(before: str, address: bool) -> bool:
    if re.search(r"\\[bfnrt]$|\\u[0-9a-f]{4}$", before[-6:]):
        return True  # JSON spells a line feed so, and it is no letter
    if before[-1:].isalnum():
        return False
    return not (address and before[-1:] in tuple("._%+-") and before[-2:-1].isalnum())


def _ends(after: str, address: bool) -> bool:
    if after[:1].isalnum():
        return False
    return not (address and after[:1] in (".", "-") and after[1:2].isalnum())
