"""Which archive a person means, and whether the ledger knows it: bytes are not trusted for lying there."""

from datetime import UTC, datetime
from pathlib import Path

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.errors import LifecycleError, NotFound, Refused
from lifecycle.ledger import evidence
from retention.archive import statements
from retention.archive.manifest import Manifest
from retention.archive.shelf import Shelf
from retention.archive.write import ARCHIVED


def find(conn: Connection[TupleRow], on: Shelf, archive: str) -> Manifest:
    """Return the manifest of the archive whose SHA-256 begins like this, if this database's ledger has written it.

    A person who gives all of its 64 digits vouches for it himself: its line may have left the ledger long ago.
    Raise NotFound when there is none, or several; Refused when the ledger knows nothing of it.
    """
    known = [found for place, found in on.all() if Path(place).name.startswith(archive)]
    if len(archive) < 8 or len(known) != 1:
        raise NotFound(
            f"{len(known)} archives begin with {archive!r}",
            hint="`lifecycle retention archives` lists them. Give at least 8 digits of one.",
        )
    (written,) = known
    if isinstance(written, LifecycleError):
        raise written
    told = evidence.digests(conn, ARCHIVED, written.key)
    if written.sha256 not in told and archive != written.sha256:
        raise Refused(
            "the ledger does not know this archive, so nobody can say who wrote it",
            hint="Look for it in the ledger's exported months, and give all 64 digits as they stand there.",
        )
    return written


def since(conn: Connection[TupleRow], written: Manifest) -> datetime:
    """Return when an archive was written, as the ledger has it: a manifest lies in a bucket, where others may write.

    Of one that the ledger knows no more that is long ago: whoever was forgotten ever may be in it.
    """
    at = evidence.first(conn, ARCHIVED, written.key, written.sha256)
    return at or datetime.min.replace(tzinfo=UTC)


def before(conn: Connection[TupleRow], written: Manifest) -> datetime | None:
    """Return a moment from before which all its rows are, by its rule's clock, as the ledger has it.

    None where the ledger does not: its line has left, or is older than this, or its rows say themselves when they end.
    """
    values = {"event": ARCHIVED, "target": written.key, "digest": written.sha256}
    row = conn.execute(statements.BEFORE, values).fetchone()
    return row[0] if row else None
