"""What a run changed, counted, on the ledger.

An effect inside the database is recorded in the transaction that makes it. An effect outside (S3, Stripe, a
program) is announced, made, and its outcome recorded; after a crash the world is asked what happened, the
announcement only says where to look. Values are counts, digests and keyed references, never a person's.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Json

from lifecycle.errors import Fenced
from lifecycle.ledger import statements
from lifecycle.ledger.claims import Claim

Kind = Literal["effect", "intent", "outcome", "finding"]


def record(
    conn: Connection[TupleRow],
    claim: Claim,
    kind: Kind,
    event: str,
    target: str,
    *,
    counts: Mapping[str, int] | None = None,
    reference: str | None = None,
    digest: str | None = None,
) -> None:
    """Record one line of evidence in the current transaction. Raise Fenced when the claim is gone.

    `event` is `<room>.<verb_past>`, `target` a table, bucket or program. `reference` is what
    `lifecycle.outside.keys.reference` made of an id.
    """
    values = claim.key() | {
        "kind": kind,
        "event": event,
        "target": target,
        "counts": Json(dict(counts or {})),
        "reference": reference,
        "digest": digest,
    }
    if conn.execute(statements.RECORD, values, prepare=True).fetchone() is None:
        raise _fenced(claim, event)


def record_each(
    conn: Connection[TupleRow],
    claim: Claim,
    kind: Kind,
    event: str,
    each: Mapping[str, Mapping[str, int]],
    *,
    reference: str | None = None,
) -> None:
    """Record a line of evidence of each target with its counts, in this order, in one statement.

    Raise as `record` does.
    """
    values = claim.key() | {
        "kind": kind,
        "event": event,
        "targets": list(each),
        "counts": [Json(dict(counts)) for counts in each.values()],
        "reference": reference,
    }
    if len(conn.execute(statements.RECORD_EACH, values).fetchall()) < len(each):
        raise _fenced(claim, event)


def _fenced(claim: Claim, event: str) -> Fenced:
    return Fenced(
        f"run {claim.id} ({claim.job}) is no longer held by this process, so {event} was not carried out",
        hint="Another process has taken it over or ended it. See `lifecycle runs show`.",
    )


def digests(conn: Connection[TupleRow], event: str, target: str) -> frozenset[str]:
    """Return the digests that runs recorded as the outcome of this event on this target."""
    values = {"event": event, "target": target}
    return frozenset(digest for (digest,) in conn.execute(statements.DIGESTS, values).fetchall())


def first(conn: Connection[TupleRow], event: str, target: str, digest: str) -> datetime | None:
    """Return when this event was recorded first for this target with this digest, in the months that the ledger has."""
    values = {"event": event, "target": target, "digest": digest}
    row = conn.execute(statements.FIRST, values).fetchone()
    return row[0] if row else None


def since(conn: Connection[TupleRow], event: str) -> datetime | None:
    """Return when a run recorded this event first as an outcome, in the months that the ledger has."""
    row = conn.execute(statements.SINCE, {"event": event}).fetchone()
    return row[0] if row else None


def targets(conn: Connection[TupleRow], event: str) -> frozenset[str]:
    """Return every target of which runs recorded this event as an outcome, in the months that the ledger has."""
    return frozenset(row[0] for row in conn.execute(statements.TARGETS, {"event": event}))


def latest(conn: Connection[TupleRow], event: str) -> dict[str, datetime]:
    """Return when each target was last looked at, in the months that the ledger has.

    By findings of this event that counted rows, or found something.
    """
    return dict(conn.execute(statements.LATEST, {"event": event}).fetchall())


def proven(conn: Connection[TupleRow], event: str) -> tuple[str, ...]:
    """Return each target whose last finding of this event counted rows and found nothing, the newest look last."""
    return tuple(row[0] for row in conn.execute(statements.PROVEN, {"event": event}))


def newest(conn: Connection[TupleRow], system: str, job: str, event: str) -> str | None:
    """Return the target of the newest outcome of this event by a job's latest runs, by when it was first spoken of.

    A run that went on days later and found its work done makes it no newer.
    """
    values = {"system": system, "job": job, "event": event}
    row = conn.execute(statements.NEWEST_TARGET, values).fetchone()
    return row[0] if row else None
