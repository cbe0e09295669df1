"""Writes down how an erasure ended: the request answered, the note emptied, the proof counted.

Knows what is written where, and never a personal value. Never looks for anything: `prove.py` did.
"""

import contextlib
import json
from collections.abc import Iterable
from datetime import datetime

import psycopg
from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow

from gdpr import notes, places, request_statements
from gdpr.notes import Entry, Note
from gdpr.person import searched
from gdpr.prove import Proof, sampled
from gdpr.reach import Reach
from gdpr.section import SECTION
from lifecycle.errors import Conflict, NotFound
from lifecycle.holds import place
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.code import Code
from lifecycle.ledger.effect import effect
from lifecycle.outside import objects
from lifecycle.policy import triggers
from lifecycle.policy.model import Policy
from lifecycle.postgres.owners import analyze, step_into
from lifecycle.system import System
from lifecycle.timescale import emptied

LEDGER = "erasure-ledger"
"""The bucket, by its name in the settings, that outlives a restore of the database."""


def refresh_statistics(system: System, reach: Reach, note: Note) -> None:
    """Analyse the tables whose samples, which the planner keeps, quote the person, as the DDL login.

    So it is done with tables of the person of whose samples nothing can be read: those of what an index works out. What
    goes on quoting them the proof finds: where that login cannot step into the owner, and where no row is left,
    as ANALYZE then leaves the former samples standing. Of batches of compressed rows they go with their relation.
    """
    of_person = {name for table in reach.tables() for name in table.relations}
    with system.snapshot("gdpr.analyze") as conn:
        unread = {table for table, _ in places.worked_out(conn)} & of_person
        quoting = unread | set(sampled(conn, searched(conn, reach, note)))
    if quoting:
        with contextlib.closing(system.connect_ddl("gdpr.analyze")) as owners:
            _analyse(owners, reach, quoting)
        batches = {name for table in reach.catalog.tables.values() for name in table.batches}
        if batches & quoting:
            with system.snapshot("gdpr.analyze") as conn:
                still = sampled(conn, searched(conn, reach, note))
            emptied.anew(system, reach.catalog, still)


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
    targets += map(str, sorted(proof.coverage.forgotten()))
    with effect(conn, claim, None) as change:
        for target in targets:
            change.record(
                "finding",
                "gdpr.not_proven",
                target,
                counts=proof.counts,
                reference=reference,
            )


def write_ledger(system: System, entry: Entry) -> bool:
    """Put what was erased when into the bucket outside the database; return False when there is none.

    It names the request and tables, and nobody: after a restore it says which erasures to repeat.
    """
    if LEDGER not in system.settings.buckets or system.settings.s3 is None:
        return False
    line = {
        "system": system.name,
        "request": entry.request,
        "erased_at": entry.erased_at.isoformat() if entry.erased_at else None,
        "tables": dict(entry.tables),
    }
    store = objects.store(system)
    try:
        body = json.dumps(line, sort_keys=True).encode()
        # A number can come back, so one reference can have several lines.
        when = f"{entry.erased_at:%Y%m%dT%H%M%S.%fZ}"
        store.put_bytes(LEDGER, f"erasures/{entry.reference}/{when}.json", body)
    finally:
        store.close()
    return True


def proven_after(system: System, moment: datetime) -> tuple[str, ...]:
    """Return the erasures of this system that the bucket knows from after this moment, each in a line.

    Raise NotFound where there is no such bucket in the settings, and as `objects` does.
    """
    if LEDGER not in system.settings.buckets:
        raise NotFound(
            f"no ledger of erasures lies outside the database: no bucket `{LEDGER}`",
            hint=f"Name one under `buckets:` as `{LEDGER}`; ask for the certificates until then.",
        )
    found = list[str]()
    with contextlib.closing(objects.store(system)) as store:
        for key in store.keys(LEDGER, "erasures/"):
            line = json.loads(store.get_bytes(LEDGER, key))
            at = datetime.fromisoformat(line["erased_at"]) if line["erased_at"] else None
            if line["system"] == system.name and (at is None or at > moment):
                found.append(f"request {line['request']}, erased at {line['erased_at']}")
    return tuple(sorted(found))


def complete(
    conn: Connection[TupleRow],
    claim: Claim,
    code: Code,
    policy: Policy,
    entry: Entry,
    proof: Proof,
    now: datetime,
) -> None:
    """Answer all requests of the person, empty their notes and write the proof down, in one transaction.

    Raise Conflict when the request is no longer open, or is another person's: somebody changed it behind this run's
    back; Unproven when anything else would have changed with it.
    """
    erasure = SECTION.of(policy)
    assert erasure is not None  # without it nobody could have asked
    requests = erasure.requests
    values = requests.states.model_dump() | {
        "now": now,
        "tables": sorted(entry.tables),
        "subject_text": entry.note.person if entry.note else None,
    }
    conn.isolation_level = IsolationLevel.READ_COMMITTED
    with effect(conn, claim, code) as change:
        asked = {entry.request, *entry.requests}
        if entry.note is not None:  # of a request that was opened again nothing was proven anew
            asked |= notes.mark_proven(conn, entry.whose)
            place.forget(conn, erasure.subject, entry.note.person, entry.note.needles())
        values["requests"] = sorted(asked)
        change.begin()
        answered = conn.execute(request_statements.complete(requests), values).rowcount
        change.must_be({requests.table: answered}, triggers.written_to(policy, requests.table))
        if not answered:
            raise Conflict(
                "the person is erased, and the request was changed by somebody else meanwhile",
                hint="Look at the request's status; set it back to processing to have it answered.",
            )
        change.record(
            "finding",
            "gdpr.proven",
            requests.table,
            counts=proof.counts | {"requests": answered},
            reference=entry.reference,
        )
