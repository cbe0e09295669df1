"""Delivers alerts. Never decides what deserves one.

An alert is a row, written with the state change it speaks of. Whoever delivers it takes a short lease on the row
first, so that several daemons do not send it twice; one that dies in between leaves it to the next within a minute.
The sending itself is done by a process that can be killed (`sender.py`).
"""

import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import IO, Any

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock, unexpected
from lifecycle.ledger import alerts
from lifecycle.ledger.alert import Alert
from lifecycle.logger import get_logger
from lifecycle.outside import environment, memory
from lifecycle.settings.model import Alerts, Settings, secrets_of

BATCH = 10
"""Alerts that one process sends."""

LIMIT = timedelta(seconds=45)
"""How long it may take over them, less than their lease: three channels that hang take 30 seconds, as each is then
left alone."""

GRACE = timedelta(seconds=2)
"""How long it may go on once this process has been asked to leave."""


def deliver(
    conn: Connection[TupleRow],
    settings: Settings,
    system: str,
    *,
    stop: threading.Event | None = None,
    unwritten: set[int] | None = None,
) -> int:
    """Send the open alerts of `system` until none is left that may be sent now; return how many were taken.

    An alert is taken when one channel took it: a person has been told. What no channel took is tried again after
    1, 2, 4 ... 60 minutes. `unwritten` keeps, from one call to the next, those that were sent while the database
    could not hear of it. Leaves soon after `stop`. `conn` is in autocommit; psycopg's errors pass, no channel's.
    """
    if not settings.alerts.channels:
        warn_nobody_is_told(system)
        return 0
    known = set[int]() if unwritten is None else unwritten
    delivered = 0
    while not (stop and stop.is_set()):
        taken = [a for _ in range(BATCH) if (a := alerts.take(conn, system)) is not None]
        if not taken:
            break
        tried = _send_all(settings.alerts, [a for a in taken if a.id not in known], stop)
        known |= {number for number, heard in tried.items() if heard}
        for alert in taken:  # one that was not tried comes back when its lease is over
            if alert.id in known:
                alerts.delivered(conn, alert.id)
                known.discard(alert.id)
                delivered += 1
            elif alert.id in tried:
                alerts.failed(conn, alert.id)
    return delivered


def _send_all(
    channels: Alerts, rows: Sequence[Alert], stop: threading.Event | None
) -> dict[int, bool]:
    """Send these rows, good news in one message; return, of those that were tried, whether somebody was told."""
    good = [row for row in rows if row.kind == "recovered"]
    bad = [(row,) for row in rows if row.kind != "recovered"]
    bundles = {bundle[0].id: bundle for bundle in (*bad, tuple(good)) if bundle}
    tried = send(channels, [_together(bundle) for bundle in bundles.values()], stop=stop)
    return {row.id: heard for number, heard in tried.items() for row in bundles[number]}


def _together(rows: Sequence[Alert]) -> Alert:
    if len(rows) == 1:
        return rows[0]
    message = "; ".join(row.message for row in rows)
    return replace(rows[0], job=None, run=None, message=message)


def send(
    channels: Alerts, messages: Sequence[Alert], *, stop: threading.Event | None = None
) -> dict[int, bool]:
    """Send each alert by every channel; return, of those that were tried, whether a channel took them.

    Takes no longer than LIMIT, nor much longer than until `stop`. Never raises: what went wrong is a try that failed,
    and the log names each alert that was tried and that no channel took.
    """
    if not messages or not channels.channels:
        return {}
    try:
        tried = _tried(channels, messages, stop)
    except Exception as error:  # noqa: BLE001 - no process, no memory: whatever it is, somebody must hear of it
        why = unexpected.explain(error)
        get_logger().error("alert.no_sender", error=why.what, hint=why.hint)
        tried = {alert.id: False for alert in messages}
    for alert in messages:
        if tried.get(alert.id) is False:
            told = {"system": alert.system, "job": alert.job, "run": alert.run, "kind": alert.kind}
            get_logger().error("alert.nobody_told", alert=alert.id, **told)
    return tried


def _tried(
    channels: Alerts, messages: Sequence[Alert], stop: threading.Event | None
) -> dict[int, bool]:
    told = [asdict(alert) | {"created_at": alert.created_at.isoformat()} for alert in messages]
    asked = {"alerts": channels.model_dump_json(), "messages": told}
    with memory.file() as document, memory.file() as said:
        document.write(json.dumps(asked).encode())
        document.seek(0)
        _carry_out(channels, document, said, stop)
        said.seek(0)
        lines = [
            json.loads(line) for line in said.read().splitlines(keepends=True) if line[-1:] == b"\n"
        ]
    by_id = {alert.id: alert for alert in messages}
    for line in lines:
        _log(by_id[line["id"]], line)
    tried = {line["id"]: False for line in lines} | {x["id"]: True for x in lines if x["sent"]}
    # The one that was under way when the sender was ended may have been heard, or not: it is tried again.
    under_way = next((alert.id for alert in messages if alert.id not in tried), None)
    return tried if under_way is None else tried | {under_way: False}


def _carry_out(
    channels: Alerts, document: IO[bytes], said: IO[bytes], stop: threading.Event | None
) -> None:
    named = (secret for _, secret in secrets_of(channels, "alerts"))
    sender = subprocess.Popen(
        [sys.executable, "-m", "lifecycle.watch.sender"],
        stdin=document,
        stdout=said,
        env=environment.inherited(os.environ, frozenset(), named),
        start_new_session=True,
    )
    end = clock.monotonic() + LIMIT.total_seconds()
    while sender.poll() is None and clock.monotonic() < end:
        if stop is not None and stop.is_set():
            end = min(end, clock.monotonic() + GRACE.total_seconds())
            stop = None
        time.sleep(0.05)
    if sender.poll() is None:
        os.killpg(sender.pid, signal.SIGKILL)
        sender.wait()


def _log(alert: Alert, line: dict[str, Any]) -> None:
    logger = get_logger()
    if line["sent"]:
        logger.info(
            "alert.sent",
            channel=line["channel"],
            alert=alert.id,
            system=alert.system,
            job=alert.job,
            kind=alert.kind,
        )
        return
    logger.warning(
        "alert.not_sent",
        channel=line["channel"],
        alert=alert.id,
        error=line["error"],
        hint=line["hint"],
    )


@functools.cache
def warn_nobody_is_told(system: str) -> None:
    """Once per process: the daemon asks every few seconds."""
    get_logger().warning(
        "alert.not_configured", system=system, hint="Set a channel under `alerts:` in the settings."
    )
