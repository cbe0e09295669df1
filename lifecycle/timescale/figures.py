"""How many chunks there are, are compressed, and should be and are not, as the last run over all of them counted."""

from collections.abc import Iterator
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.figure import Figure, Value
from lifecycle.ledger import last_counted
from lifecycle.system import System
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
    if SECTION.of(system.policy):
        at = "timescale_counted_timestamp_seconds"
        yield from last_counted.values(conn, system.name, "timescale.compress", at, _COUNTED)
