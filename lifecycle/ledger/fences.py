"""Which fences stand: why rows of a database are neither read out nor spread, since when, and what to do.

Written and ended by `lifecycle/fence.py`. Never decides whether one has to stand.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

_STANDING = """
    select room, since, why, hint from lifecycle.fence
     where system = %(system)s and until is null order by since, room
"""
_RAISE = """
    insert into lifecycle.fence (system, room, why, hint) values (%(system)s, %(room)s, %(why)s, %(hint)s)
        on conflict (system, room) where until is null do nothing
 returning room
"""
_LIFT = """
    update lifecycle.fence set until = clock_timestamp()
     where system = %(system)s and room = %(room)s and until is null
 returning room
"""


@dataclass(frozen=True, slots=True)
class Fence:
    """One that stands, and the room that raised it."""

    room: str
    since: datetime
    why: str
    hint: str


def standing(conn: Connection[TupleRow], system: str) -> tuple[Fence, ...]:
    """Return the fences that stand, the oldest first."""
    rows = conn.execute(_STANDING, {"system": system}).fetchall()
    return tuple(Fence(*row) for row in rows)


def put_up(conn: Connection[TupleRow], system: str, room: str, why: str, hint: str) -> bool:
    """Write down that a fence stands from now on. Return False where it stood already."""
    values = {"system": system, "room": room, "why": why, "hint": hint}
    return conn.execute(_RAISE, values).fetchone() is not None


def lift(conn: Connection[TupleRow], system: str, room: str) -> bool:
    """Write down that it stands no more. Return False where none stood."""
    return conn.execute(_LIFT, {"system": system, "room": room}).fetchone() is not None
