"""Reads what monitors ask about one system, in a turn of that system's own, and keeps it.

Whoever asks is answered from what is kept. A room whose figures cannot be read hides nothing of the others.
"""

import contextlib

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock, rooms, unexpected
from lifecycle.figure import Value
from lifecycle.ledger import alerts, standing
from lifecycle.logger import get_logger
from lifecycle.postgres.patient import PATIENCE
from lifecycle.schedule.state import DaemonState, Snapshot
from lifecycle.system import System
from lifecycle.watch import statements

log = get_logger("lifecycle.watch")


def gather(state: DaemonState, system: System) -> None:
    """Read one system's figures. Each statement has 5 seconds on the server, and PATIENCE on our side.

    Raise psycopg.Error or LifecycleError when the ledger cannot be read: what was kept before stays, with its age.
    """
    with contextlib.closing(system.connect("figures", write=False, patience=PATIENCE)) as conn:
        conn.read_only = True  # code of a table's owner that runs when a room reads writes nothing
        conn.execute(statements.SCRAPE_LIMITS)
        jobs = standing.read(conn, system.name)
        undelivered = alerts.standing(conn, system.name).count
        values, unread = _of_rooms(system, conn)
    kept = Snapshot(clock.now(), jobs, undelivered, values, unread)
    state.snapshots[system.name] = kept


def _of_rooms(
    system: System, conn: Connection[TupleRow]
) -> tuple[tuple[Value, ...], frozenset[str]]:
    values: list[Value] = []
    unread: set[str] = set()
    for room, module in rooms.load("figures"):
        try:
            with conn.transaction(force_rollback=True):
                values += list(module.read(system, conn, clock.now()))
        except Exception as error:
            if conn.closed:
                raise
            unread.add(room)
            why = unexpected.explain(error)
            log.warning("figures not read", system=system.name, room=room, error=why.what)
    return tuple(values), frozenset(unread)
