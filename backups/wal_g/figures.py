"""How far the archive of the log is behind its server, as the last watch that could look into the store measured it."""

from collections.abc import Iterator
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from backups.section import SECTION
from backups.wal_g.watch.survey import JOB
from lifecycle.figure import Figure, Value
from lifecycle.ledger import last_counted
from lifecycle.system import System

_COUNTED = {
    "archive_lag_bytes": "lag_bytes",
    "archive_lag_seconds": "lag_seconds",
    "archive_lag_segments": "lag_segments",
    "archive_reaches_from_timestamp_seconds": "reaches_from",
    "archive_reaches_to_timestamp_seconds": "reaches_to",
    "archive_gaps": "gaps",
    "archive_gaps_known": "gaps_known",
}
_AT = "archive_watched_timestamp_seconds"

FIGURES = (
    Figure("archive_lag_bytes", "Bytes of the log behind the newest segment in WAL-G's store."),
    Figure("archive_lag_seconds", "For how long the first closed segment waits that is not there."),
    Figure("archive_lag_segments", "How many closed segments are not there."),
    Figure(
        "archive_reaches_from_timestamp_seconds",
        "The oldest time one can come back to with WAL-G; 0 where none.",
    ),
    Figure(
        "archive_reaches_to_timestamp_seconds",
        "The newest of which that is known; 0 where there is none.",
    ),
    Figure(
        "archive_gaps", "How often segments of the log are missing since the oldest base backup."
    ),
    Figure("archive_gaps_known", "How many of these somebody has said that they know of, for now."),
    Figure(_AT, "When that was measured last: a store that does not answer is not measured."),
)


def read(system: System, conn: Connection[TupleRow], _now: datetime) -> Iterator[Value]:
    """Yield what the last watch measured; nothing where the policy promises nothing of WAL-G, or none has run."""
    if SECTION.of(system.policy).wal_g is not None:
        yield from last_counted.values(conn, system.name, JOB, _AT, _COUNTED)
