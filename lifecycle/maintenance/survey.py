"""Reads which materialized views there are, which reads which, and when each was refreshed, in one snapshot."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.maintenance import statements
from lifecycle.postgres.names import policy_name
from lifecycle.system import System

REFRESHED = "maintenance.refreshed"
"""What the ledger calls a view that was made anew."""


@dataclass(frozen=True, slots=True)
class View:
    """A materialized view. `size` in bytes. `beside`: it can be refreshed while it is read."""

    name: str
    owner: str
    populated: bool
    size: int
    beside: bool
    reads: frozenset[str]


@dataclass(frozen=True, slots=True)
class Seen:
    """Every materialized view by name, and when one of the last 100 runs refreshed it. `only` narrows to one."""

    views: dict[str, View]
    refreshed: dict[str, datetime]
    only: str | None


def survey(system: System, _now: datetime, only: str | None) -> Seen:
    """Return what is there now. Raise Unreachable, AccessDenied."""
    with system.snapshot("maintenance survey") as conn:
        return read(conn, system.name, only)


def read(conn: Connection[TupleRow], system: str, only: str | None) -> Seen:
    """Read it in the caller's snapshot."""
    reads: dict[str, set[str]] = {}
    for schema, view, other_schema, other in conn.execute(statements.READS):
        reads.setdefault(policy_name(schema, view), set()).add(policy_name(other_schema, other))
    views = {
        name: View(name, owner, populated, size, beside, frozenset(reads.get(name, ())))
        for name, owner, populated, size, beside in (
            (policy_name(row[0], row[1]), *row[2:]) for row in conn.execute(statements.VIEWS)
        )
    }
    last = dict(conn.execute(statements.LAST, {"system": system, "event": REFRESHED}).fetchall())
    return Seen(views, last, only)
