"""How much is overdue, on hold and without a date, as the last run over all rules counted it."""

from collections.abc import Iterator
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.figure import Figure, Value
from lifecycle.ledger import last_counted
from lifecycle.system import System
from retention.section import SECTION

_COUNTED = {
    "retention_rows_overdue": "overdue",
    "retention_rows_on_hold": "on hold",
    "retention_rows_without_a_date": "without a date",
    "retention_partitions_to_end": "partitions to end",
}

FIGURES = (
    Figure(
        "retention_rows_overdue",
        "Rows and values whose time is over and that were still there after the last run.",
    ),
    Figure("retention_rows_on_hold", "Rows whose time is over and that a legal hold keeps."),
    Figure(
        "retention_rows_without_a_date",
        "Rows that no rule can end, as they have no date to count from.",
    ),
    Figure(
        "retention_partitions_to_end",
        "Partitions that were to end, by age, number or size, and still stood after the last run.",
    ),
    Figure("retention_counted_timestamp_seconds", "When the last run over all rules counted that."),
)


def read(system: System, conn: Connection[TupleRow], _now: datetime) -> Iterator[Value]:
    """Yield what that run counted; nothing where the policy has no rules, or none has run."""
    if SECTION.of(system.policy):
        at = "retention_counted_timestamp_seconds"
        yield from last_counted.values(conn, system.name, "retention.expire", at, _COUNTED)
