"""Alerts: rows, written with the state change they speak of and delivered afterwards, so that none is lost.

An alert that cannot be written holds nothing up: the ending of its run is worth more, and is written without it.
The alert is then kept in this process, until it is told by another way (`watch/unwritten.py`). Who delivers rows takes
a short lease on each, so that several daemons do not send one twice and one that dies leaves it to the next. Never
decides what deserves an alert, and sends nothing: `watch/alert.py` does.
"""

import itertools
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock, redact
from lifecycle.ledger.alert import Alert
from lifecycle.logger import get_logger

log = get_logger("lifecycle.alert")

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
_TROUBLED = """
    select kind <> 'recovered' from lifecycle.alert
     where system = %(system)s and job = %(job)s and kind in ('fail', 'could not verify', 'lost', 'recovered')
     order by id desc limit 1
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
) -> None:
    """Write an alert into the current transaction, or a transaction of its own; where that cannot be, keep it here.

    What is written beside it stays, whatever becomes of the alert. Raise psycopg.Error only where the connection broke.
    """
    values = _values(system, kind, message, job, run_id)
    if _written(conn, _WRITE, values) is None:
        keep(system, kind, message, job=job, run_id=run_id)


def write_unless_recent(
    conn: Connection[TupleRow],
    system: str,
    job: str | None,
    kind: str,
    message: str,
    within: timedelta,
) -> bool:
    """Write an alert unless one of this kind was written within that time. Return whether it was.

    Keeps it and raises as `write` does.
    """
    values = _values(system, kind, message, job, None) | {"within": within}
    written = _written(conn, _WRITE_UNLESS_SINCE, values)
    if written is None:
        keep(system, kind, message, job=job, within=within)
    return bool(written)


def troubled(conn: Connection[TupleRow], system: str, job: str) -> bool:
    """Say whether the last that was told of this job is that it failed, was lost or could not verify.

    Where that cannot be read, nothing is. Raise as `write` does.
    """
    rows = _carried_out(conn, _TROUBLED, {"system": system, "job": job})
    return isinstance(rows, list) and bool(rows) and bool(rows[0][0])


def _values(
    system: str, kind: str, message: str, job: str | None, run_id: int | None
) -> dict[str, object]:
    told = redact.text(message)
    return {"system": system, "job": job, "run_id": run_id, "kind": kind, "message": told}


def _written(
    conn: Connection[TupleRow], statement: LiteralString, values: dict[str, object]
) -> list[TupleRow] | None:
    """Return the rows that came of it, or None, with a line in the log, where it could not be carried out."""
    rows = _carried_out(conn, statement, values)
    if isinstance(rows, list):
        return rows
    said = {name: values[name] for name in ("system", "job", "kind")}
    log.error("alert.not_written", **said, run=values["run_id"], sqlstate=rows)
    return None


def _carried_out(
    conn: Connection[TupleRow], statement: LiteralString, values: dict[str, object]
) -> list[TupleRow] | str | None:
    """Return the rows that came of it, or the SQLSTATE of why it could not be carried out."""
    try:
        with conn.transaction():  # a savepoint, within a transaction
            conn.execute(_PATIENCE)
            return conn.execute(statement, values).fetchall()
    except psycopg.Error as error:
        if conn.broken:
            raise
        return error.sqlstate


# --- what the ledger did not take

_Key = tuple[str, str | None, int | None, str]


class _Unwritten:
    """Of this process: it is who can still speak."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.numbers = itertools.count(-1, -1)
        self.waiting: dict[_Key, Alert] = {}
        self.since: dict[_Key, float] = {}


_unwritten = _Unwritten()


def keep(
    system: str,
    kind: str,
    message: str,
    *,
    job: str | None = None,
    run_id: int | None = None,
    within: timedelta | None = None,
) -> None:
    """Keep an alert that is no row until it was told; not if one of this kind was kept `within` that time."""
    key, moment = (system, job, run_id, kind), clock.monotonic()
    with _unwritten.lock:
        if within is not None:
            since = _unwritten.since.get(key)
            if since is not None and moment - since < within.total_seconds():
                return
            _unwritten.since[key] = moment
        number, at = next(_unwritten.numbers), clock.now().astimezone(UTC)
        alert = Alert(number, system, job, run_id, kind, redact.text(message), at)
        _unwritten.waiting.setdefault(key, alert)  # an ending that is written again tells the same


def unwritten() -> tuple[Alert, ...]:
    """Return what this process keeps, the oldest first. Their numbers are negative: they are no rows."""
    with _unwritten.lock:
        return tuple(_unwritten.waiting.values())


def told(heard: Alert) -> None:
    """Keep an alert no longer: somebody was told, or nobody ever will be."""
    with _unwritten.lock:
        _unwritten.waiting.pop((heard.system, heard.job, heard.run, heard.kind), None)


# --- delivery


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
