"""Alerts: rows, written with the state change they speak of and delivered afterwards, so that none is lost.

An alert that cannot be written holds nothing up: the ending of its run is worth more, and is written without it.
Whoever writes one is told whether it stands, and the log says so where it does not. Who delivers them takes a short
lease on each, so that several daemons do not send one twice and one that dies leaves it to the next. Never decides
what deserves an alert, and sends nothing: `watch/alert.py` does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

import psycopg
import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import redact

log = structlog.get_logger("lifecycle.alert")

LEASE = timedelta(seconds=60)
"""How long one deliverer may take over one alert, by every channel, before another takes it up."""

# Nobody's ending waits for whoever holds this table.
_PATIENCE = "select set_config('lock_timeout', '1s', true)"
_WRITE = """
    insert into lifecycle.alert (system, job, run_id, kind, message)
    values (%(system)s, %(job)s, %(run_id)s, %(kind)s, %(message)s)
 returning id
"""
_WRITE_UNLESS_SINCE = """
    insert into lifecycle.alert (system, job, run_id, kind, message)
    select %(system)s, %(job)s, %(run_id)s, %(kind)s, %(message)s
     where not exists (select from lifecycle.alert
                        where system = %(system)s and job is not distinct from %(job)s and kind = %(kind)s
                          and created_at > clock_timestamp() - %(within)s)
 returning id
"""
_TAKE = """
    update lifecycle.alert set not_before = clock_timestamp() + %(lease)s
     where id in (select id from lifecycle.alert
                   where system = %(system)s and delivered_at is null and not_before <= clock_timestamp()
                   order by id limit 1 for update skip locked)
 returning id, system, job, run_id, kind, message, created_at
"""
_DELIVERED = """
    update lifecycle.alert set delivered_at = clock_timestamp(), attempts = attempts + 1
     where id = %(id)s and delivered_at is null
"""
# 1, 2, 4 ... 32, then every 60 minutes, for ever: an alert nobody took stays open.
_FAILED = """
    update lifecycle.alert
       set attempts = attempts + 1,
           not_before = clock_timestamp()
                      + least(make_interval(mins => 1 << least(attempts, 6)), interval '60 minutes')
     where id = %(id)s and delivered_at is null
"""
_STANDING = """
    select count(*)::bigint, min(created_at) from lifecycle.alert
     where system = %(system)s and delivered_at is null
"""


@dataclass(frozen=True, slots=True)
class Alert:
    """What is said to the outside: no more than this, and nothing about a person."""

    id: int
    system: str
    job: str | None
    run: int | None
    kind: str
    message: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """How many alerts nobody has taken yet, and since when the oldest of them waits."""

    count: int
    since: datetime | None


def write(
    conn: Connection[TupleRow],
    system: str,
    kind: str,
    message: str,
    *,
    job: str | None = None,
    run_id: int | None = None,
) -> bool:
    """Write an alert into the current transaction, or a transaction of its own. Return whether it stands.

    What is written beside it stays, whatever becomes of the alert. Raise psycopg.Error only where the connection broke.
    """
    values = _values(system, kind, message, job, run_id)
    return _written(conn, _WRITE, values) is not None


def write_unless_recent(
    conn: Connection[TupleRow],
    system: str,
    job: str | None,
    kind: str,
    message: str,
    within: timedelta,
) -> bool:
    """Write an alert unless one of this kind was written within that time. Return whether it was.

    Raise as `write` does.
    """
    values = _values(system, kind, message, job, None) | {"within": within}
    return bool(_written(conn, _WRITE_UNLESS_SINCE, values))


def _values(
    system: str, kind: str, message: str, job: str | None, run_id: int | None
) -> dict[str, object]:
    told = redact.text(message)
    return {"system": system, "job": job, "run_id": run_id, "kind": kind, "message": told}


def _written(
    conn: Connection[TupleRow], statement: LiteralString, values: dict[str, object]
) -> list[TupleRow] | None:
    """Return the rows that came of it, or None where it could not be carried out."""
    try:
        with conn.transaction():  # a savepoint, within a transaction
            conn.execute(_PATIENCE)
            return conn.execute(statement, values).fetchall()
    except psycopg.Error as error:
        if conn.broken:
            raise
        why = error.sqlstate
    told = {name: values[name] for name in ("system", "job", "kind")}
    log.error("alert.not_written", **told, run=values["run_id"], sqlstate=why)
    return None


def take(conn: Connection[TupleRow], system: str, *, lease: timedelta = LEASE) -> Alert | None:
    """Take the oldest alert that waits, if one does; nobody else gets it before `lease` is over."""
    row = conn.execute(_TAKE, {"system": system, "lease": lease}).fetchone()
    return Alert(*row) if row else None


def delivered(conn: Connection[TupleRow], alert: int) -> None:
    """Say that somebody was told."""
    conn.execute(_DELIVERED, {"id": alert})


def failed(conn: Connection[TupleRow], alert: int) -> None:
    """Say that no channel took it; it is tried again after 1, 2, 4 ... 60 minutes."""
    conn.execute(_FAILED, {"id": alert})


def standing(conn: Connection[TupleRow], system: str) -> Standing:
    """Return what waits."""
    row = conn.execute(_STANDING, {"system": system}).fetchone()
    assert row is not None
    return Standing(*row)
