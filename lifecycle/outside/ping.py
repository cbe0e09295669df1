"""Pings dead-man's switches outside this host (healthchecks protocol): they raise the alarm when none comes.

A silence nobody notices is the commonest failure of unattended work. Never fails a run: what cannot be pinged is
logged, and the switch itself then raises the alarm. Says a run's number and state, and nothing else.
"""

import threading
import time
import uuid
from queue import SimpleQueue
from typing import Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

from lifecycle import unexpected
from lifecycle.errors import Unreachable
from lifecycle.logger import get_logger
from lifecycle.outside import web
from lifecycle.settings.model import Secret, Settings

Signal = Literal["start", "success", "fail"]

PAUSES = (1.0, 2.0)
"""Seconds before the second and the third try."""

PATIENCE = 10.0
"""Seconds that a run which has ended waits for its switch to hear of it."""


class Beside:
    """Pings the switch of a job beside its run: at once that it starts, and then how it ended, in this order.

    In a thread of its own, so that a switch which answers slowly, or never, delays neither work nor heartbeat.
    """

    def __init__(self, settings: Settings, name: str, run: int) -> None:
        self._told = (settings, name, run)
        self._ending: SimpleQueue[Signal] = SimpleQueue()
        self._thread = threading.Thread(target=self._tell, name="ping", daemon=True)
        if name in settings.pings.jobs:
            self._thread.start()

    def end(self, signal: Signal) -> None:
        """Tell how the run ended, and wait PATIENCE seconds at most until that is heard."""
        self._ending.put(signal)
        if self._thread.is_alive():
            self._thread.join(PATIENCE)

    def _tell(self) -> None:
        settings, name, run = self._told
        job(settings, name, "start", run)
        job(settings, name, self._ending.get(), run)


def job(settings: Settings, name: str, signal: Signal, run: int) -> bool:
    """Tell the switch of job `name` that `run` has started or how it ended; return whether it heard.

    A job without a switch is heard by nobody: False.
    """
    switch = settings.pings.jobs.get(name)
    if switch is None:
        return False
    # The same id at start and end lets the other side measure how long the run took.
    rid = uuid.uuid5(uuid.NAMESPACE_URL, f"lifecycle:run:{name}:{run}")
    return _ping(switch, name, signal, rid, f"run {run}: {signal}\n")


def daemon(settings: Settings) -> bool:
    """Tell the daemon's own switch that it is alive; return whether it heard."""
    switch = settings.pings.daemon
    return switch is not None and _ping(switch, "daemon", "success", None, "alive\n")


def system(settings: Settings, name: str) -> bool:
    """Tell the switch of system `name` that its database can be worked with; return whether it heard."""
    switch = settings.pings.systems.get(name)
    return switch is not None and _ping(switch, name, "success", None, "alive\n")


def _ping(switch: Secret, name: str, signal: Signal, rid: uuid.UUID | None, body: str) -> bool:
    try:
        _post(_address(switch.read(f"pings: {name}"), signal, rid), body.encode())
    except Exception as error:  # noqa: BLE001 - never fails a run, whatever it is
        why = unexpected.explain(error)
        get_logger().warning("ping.not_heard", job=name, kind=signal, error=why.what, hint=why.hint)
        return False
    return True


def _address(url: str, signal: Signal, rid: uuid.UUID | None) -> str:
    parts = urlsplit(url)
    path = parts.path.rstrip("/") + ("" if signal == "success" else f"/{signal}")
    query = "&".join(q for q in (parts.query, urlencode({"rid": rid}) if rid else "") if q)
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))


def _post(url: str, body: bytes) -> None:
    for pause in PAUSES:
        try:
            return web.post(url, body, kind="text/plain; charset=utf-8")
        except Unreachable:
            time.sleep(pause)
    return web.post(url, body, kind="text/plain; charset=utf-8")
