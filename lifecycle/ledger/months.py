"""The months in which evidence and attempts lie: made ahead, and dropped when they were written down elsewhere.

Whoever works on the ledger makes the coming months first, so that no clock finds it without a place to write. Never
decides which months are old enough.
"""

from datetime import date

from psycopg import Connection
from psycopg.rows import TupleRow

AHEAD = 2
"""Months made beyond the current one. Every tick and every run by hand makes them, so a few are enough."""

_MAKE = "select lifecycle.make_months(%(ahead)s)"
_KEPT = """
    select to_date(substring(c.relname from '[0-9]{4}_[0-9]{2}$'), 'YYYY_MM'),
           sum(pg_total_relation_size(c.oid))::bigint
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent in ('lifecycle.evidence'::regclass, 'lifecycle.attempt'::regclass)
     group by 1 order by 1
"""
_DROP = "select lifecycle.drop_month(%(month)s, %(run)s)"
_KEPT_FOR = "select keep from lifecycle.kept_for"


def make_ahead(conn: Connection[TupleRow]) -> int:
    """Make the months that are missing; return how many partitions were made."""
    row = conn.execute(_MAKE, {"ahead": AHEAD}).fetchone()
    assert row is not None
    return row[0]


def kept(conn: Connection[TupleRow]) -> dict[date, int]:
    """Return the first day of every month that is on the ledger, in order, with the bytes it takes on disk."""
    return dict(conn.execute(_KEPT).fetchall())


def kept_for(conn: Connection[TupleRow]) -> str | None:
    """Return how long the database keeps a month, as the last `lifecycle init` told it; None before the first."""
    row = conn.execute(_KEPT_FOR).fetchone()
    return row[0] if row else None


def drop(conn: Connection[TupleRow], month: date, run: int) -> int:
    """Drop a month's evidence, attempts, alerts and ended runs; return how many runs went.

    Raise psycopg's InsufficientPrivilege when it is less than a year old, or younger than `kept_for`, or `run` has not
    recorded that it was exported; ObjectNotInPrerequisiteState when it holds more or less than the export;
    LockNotAvailable when somebody reads or writes just then.
    """
    row = conn.execute(_DROP, {"month": month, "run": run}).fetchone()
    assert row is not None
    return row[0]
