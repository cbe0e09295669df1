"""Writes down how an erasure ended: the request answered, the note emptied, the proof counted.

Knows what is written where, and never a personal value. Never looks for anything: `prove.py` did.
"""

import contextlib
from collections.abc import Iterable, Sequence

import psycopg
from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow

from gdpr import ledger, notes, noting, places, request_statements
from gdpr.desk import Desk
from gdpr.note import Note
from gdpr.notes import Entry
from gdpr.person import searched
from gdpr.prove import Proof
from gdpr.reach import Reach
from gdpr.search.database import samples
from gdpr.search.needles import Needles
from gdpr.section import SECTION
from lifecycle.errors import Conflict
from lifecycle.holds import place
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.code import Code
from lifecycle.ledger.effect import effect
from lifecycle.policy import triggers
from lifecycle.postgres.owners import analyze, step_into
from lifecycle.system import System
from lifecycle.timescale import emptied


def refresh_statistics(system: System, reach: Reach, people: Sequence[Note]) -> None:
    """Analyse the tables whose samples, which the planner keeps, quote one of these people, as the DDL login.

    So it is done with tables of theirs of whose samples nothing can be read: those of what an index works out. What
    goes on quoting them the proof finds: where that login cannot step into the owner, and where no row is left,
    as ANALYZE then leaves the former samples standing. Of batches of compressed rows they go with their relation.
    """
    of_person = {name for table in reach.tables() for name in table.relations}
    with system.snapshot("gdpr.analyze") as conn:
        unread = {table for table, _ in places.worked_out(conn)} & of_person
        quoting = unread | _sampled(conn, reach, people)
    if quoting:
        with contextlib.closing(system.connect_ddl("gdpr.analyze")) as owners:
            _analyse(owners, reach, quoting)
        batches = {name for table in reach.catalog.tables.values() for name in table.batches}
        if batches & quoting:
            with system.snapshot("gdpr.analyze") as conn:
                still = tuple(sorted(_sampled(conn, reach, people)))
            emptied.anew(system, reach.catalog, still)


def _sampled(conn: Connection[TupleRow], reach: Reach, people: Sequence[Note]) -> set[str]:
    needles = Needles([searched(conn, reach, note).needles() for note in people])
    return {table for _, table in samples(conn, needles)}


def _analyse(conn: Connection[TupleRow], reach: Reach, relations: Iterable[str]) -> None:
    """Analyse what can be analysed, each as its owner. Of a materialized view nobody here knows the owner."""
    owners = {name: table.owner for name, table in reach.catalog.tables.items()}
    for table in reach.catalog.tables.values():
        owners |= {leaf.name: leaf.relation.owner for leaf in table.partitions}
        owners |= dict.fromkeys(table.batches, table.owner)
    for relation in owners.keys() & set(relations):
        with (
            contextlib.suppress(
                psycopg.errors.InsufficientPrivilege, psycopg.errors.LockNotAvailable
            ),
            conn.transaction(),
        ):
            conn.execute(step_into(owners[relation]))
            conn.execute(analyze(relation))


def write_failure(conn: Connection[TupleRow], claim: Claim, reference: str, proof: Proof) -> None:
    """Write down that the proof does not hold: where the person was found, and where a look was left out."""
    targets = [failure.target for failure in proof.failures]
    targets += map(str, sorted(proof.forgotten))
    with effect(conn, claim, None) as change:
        for target in targets:
            change.record(
                "finding",
                "gdpr.not_proven",
                target,
                counts=proof.counts,
                reference=reference,
            )


def complete(
    desk: Desk,
    conn: Connection[TupleRow],
    code: Code,
    entry: Entry,
    proof: Proof,
    line: int | None = None,
) -> None:
    """Answer all requests of the person, empty their notes and write the proof down, in one transaction.

    `line`: the number of its line in the ledger outside, from now on seen here. Of a replay there may be no request.
    Raise Conflict when the request is no longer open, or is another person's: somebody changed it behind this run's
    back; Unproven when anything else would have changed with it.
    """
    policy = desk.system.policy
    erasure = SECTION.of(policy)
    assert erasure is not None  # without it nobody could have asked
    requests = erasure.requests
    values = requests.states.model_dump() | {
        "now": desk.now,
        "tables": sorted(entry.tables),
        "subject_text": entry.note.person if entry.note else None,
    }
    conn.isolation_level = IsolationLevel.READ_COMMITTED
    with effect(conn, desk.claim, code) as change:
        asked = {entry.request, *entry.requests}
        if entry.note is not None:  # of a request that was opened again nothing was proven anew
            asked |= notes.mark_proven(conn, entry.whose, proof.record)
            noting.prove(conn, entry.whose)
            place.forget(conn, erasure.subject, entry.note.person, entry.note.needles())
        if line is not None:
            ledger.mark(conn, line, "proven")
        values["requests"] = sorted(asked)
        change.begin()
        answered = conn.execute(request_statements.complete(requests), values).rowcount
        change.must_be({requests.table: answered}, triggers.written_to(policy, requests.table))
        if not answered and not desk.replay:
            raise Conflict(
                "the person is erased, and the request was changed by somebody else meanwhile",
                hint="Look at the request's status; set it back to processing to have it answered.",
            )
        said = proof.counts | {"requests": answered}
        for event in ("gdpr.proven", *(("gdpr.replayed",) if desk.replay else ())):
            change.record("finding", event, requests.table, counts=said, reference=entry.reference)
