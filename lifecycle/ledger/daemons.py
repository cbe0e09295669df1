"""Which daemons there are, and what time the database has."""

import os
import socket
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import __version__
from lifecycle.ledger import statements


def time(conn: Connection[TupleRow]) -> datetime:
    """Return the database's clock."""
    row = conn.execute(statements.CLOCK).fetchone()
    assert row is not None
    return row[0]


def seen(
    conn: Connection[TupleRow], daemon: str, policy_digest: str, *, schedules: bool = True
) -> None:
    """Say that this daemon is alive, by which policy it works, and whether it plans runs or only takes them."""
    values = {
        "id": daemon,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "version": __version__,
        "policy": policy_digest,
        "schedules": schedules,
    }
    conn.execute(statements.DAEMON_SEEN, values)


def stopped(conn: Connection[TupleRow], daemon: str) -> None:
    """Say that this daemon left in good order."""
    conn.execute(statements.DAEMON_STOPPED, {"id": daemon})


def keep_short(conn: Connection[TupleRow]) -> None:
    """Give the statements of this session 20 seconds, and their locks 5."""
    conn.execute(statements.TICK_LIMITS)
