"""When each materialized view was refreshed last, as the ledger has it."""

from collections.abc import Iterator
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.figure import Figure, Value
from lifecycle.maintenance import survey
from lifecycle.maintenance.plan import promised
from lifecycle.system import System

FIGURES = (
    Figure(
        "materialized_view_refreshed_timestamp_seconds",
        "When a materialized view of the policy was refreshed last, 0 where none of the last 100 runs did.",
        ("view",),
    ),
)


def read(system: System, conn: Connection[TupleRow], _now: datetime) -> Iterator[Value]:
    """Yield the instant of each promised view; nothing where the policy has none."""
    if wanted := promised(system.policy, None):
        refreshed = survey.read(conn, system.name, None).refreshed
        for view in wanted:
            at = refreshed.get(view, 0)
            yield Value("materialized_view_refreshed_timestamp_seconds", at, (view,))
