"""How many chunks there are, are compressed, and should be and are not, as the last run over all of them counted."""

from collections.abc import Iterator
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.figure import Figure, Value
from lifecycle.system import System
from lifecycle.timescale import statements
from lifecycle.timescale.section import SECTION

_COUNTED = {
    "timescale_chunks": "chunks",
    "timescale_chunks_compressed": "packed",
    "timescale_chunks_due": "due",
}

FIGURES = (
    Figure("timescale_chunks", "Chunks of the policy's hypertables, after the last run."),
    Figure("timescale_chunks_compressed", "Those of them that were compressed."),
    Figure(
        "timescale_chunks_due",
        "Those whose time had come and that were not compressed as the policy says.",
    ),
    Figure("timescale_counted_timestamp_seconds", "When the last run counted that."),
)


def read(system: System, conn: Connection[TupleRow], _now: datetime) -> Iterator[Value]:
    """Yield what that run counted; nothing where the policy has no hypertables, or none has run."""
    if not SECTION.of(system.policy):
        return
    row = conn.execute(statements.LAST_COUNTED, {"system": system.name}).fetchone()
    if row is None:
        return
    at, counts = row
    yield Value("timescale_counted_timestamp_seconds", at)
    for name, key in _COUNTED.items():
        yield Value(name, counts.get(key, 0))
