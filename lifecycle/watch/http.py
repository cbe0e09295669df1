"""Answers monitors over HTTP, on loopback unless the settings say otherwise.

    /healthz   this daemon lives: its alarm clock rings. A database's trouble restarts nobody
    /readyz    this daemon can work: every system is reached and written to, and the daemon is not on its way out
    /metrics   figures for Prometheus
    /status    a page for a person

Answers from what the daemon keeps in mind and asks no database, so it answers at once when none does. Reads only.
Knows nothing of a person, and shows no connection string.
"""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from typing import Any

from lifecycle import clock, cron, show, unexpected
from lifecycle.errors import InputError
from lifecycle.schedule.breaker import Dark
from lifecycle.schedule.state import DaemonState
from lifecycle.system import System
from lifecycle.watch import check, metrics

Answer = tuple[int, str, bytes]
"""Status code, content type, body."""


class Server(ThreadingHTTPServer):
    """The running server; `shutdown` ends it and frees its address."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], state: DaemonState) -> None:
        self.state = state
        if ":" in address[0]:
            self.address_family = AF_INET6
        super().__init__(address, _Handler)
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.1,), name="http", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """Return the port, also when 0 was asked for."""
        return int(self.server_address[1])

    def shutdown(self) -> None:
        """Answer nobody any more."""
        super().shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that hung up."""


def serve(listen: str, state: DaemonState) -> Server:
    """Answer on `listen` ("host:port") in a thread of its own until `shutdown`.

    Raise InputError when the address cannot be read or is not to be had.
    """
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise InputError(
            f"daemon: listen: {listen!r} is not an address",
            hint="Write it like '127.0.0.1:9877', or `null` for none.",
        )
    try:
        return Server((host.strip("[]"), int(port)), state)
    except OSError as error:
        raise InputError(
            f"cannot listen on {listen}: {(error.strerror or 'no such host').lower()}",
            hint="Is another daemon running here? Choose a free port with `daemon: listen:`, or `null` for none.",
        ) from None


def healthy(state: DaemonState) -> Answer:
    """Say whether the daemon's own loop still turns. Asks the monotonic clock, which nobody can set."""
    age = clock.monotonic() - state.pulse
    alive = not state.schedules or age < state.tick_limit.total_seconds()
    return _json(200 if alive else 503, alive=alive, seconds_since_pulse=round(age, 1))


def ready(state: DaemonState) -> Answer:
    """Say whether the daemon can take work; if not, which systems are dark, since when, why and what to do."""
    dark = dict(state.dark_systems(clock.now()))
    told = {system.name: _dark(dark.get(system.name)) for system in state.systems}
    fine = not state.draining and not dark
    return _json(200 if fine else 503, ready=fine, draining=state.draining, systems=told)


def _dark(dark: Dark | None) -> dict[str, str] | None:
    if dark is None:
        return None
    since = dark.since.isoformat(timespec="seconds")
    return {"dark_since": since, "why": dark.error.what, "hint": dark.error.hint}


def figures(state: DaemonState) -> Answer:
    """Return the figures for Prometheus."""
    return 200, metrics.CONTENT_TYPE, metrics.render(state)


def status(state: DaemonState) -> Answer:
    """Return a page that says how every job stands, and which systems are dark."""
    now = clock.now()
    rows = [row for system in state.systems for row in _rows(state, system, now)]
    head = "".join(
        f"<th>{name}" for name in ("system", "job", "state", "why", "last success", "next slot")
    )
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(show.cell(value))}" for value in row) for row in rows
    )
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=30>"
        "<title>Lifecycle</title><style>body{font:16px sans-serif;margin:2em}table{border-collapse:collapse}"
        "td,th{text-align:left;padding:.3em .8em;border-bottom:1px solid #ccc}</style>"
        f"<h1>Lifecycle</h1><p>{escape(show.cell(clock.now()))}"
        f"{' - on its way out' if state.draining else ''}<table><tr>{head}{body}</table></html>"
    )
    return 200, "text/html; charset=utf-8", page.encode()


def _rows(state: DaemonState, system: System, now: datetime) -> Iterator[tuple[object, ...]]:
    """Yield what is known of a system's jobs; when it is dark, or nothing was read of late, that comes first."""
    kept, zone = state.snapshots.get(system.name), system.policy.timezone
    if dark := state.dark(system.name, now):
        why = f"{dark.error.what}, since {show.cell(dark.since)}. {dark.error.hint}"
        yield (system.name, None, "DARK", why, None, None)
    elif kept is None or now - kept.at > state.tick_limit:
        since = f"since {show.cell(kept.at)}" if kept else "yet"
        yield (system.name, None, "UNKNOWN", f"no figures were read {since}", None, None)
    crons = {job.name: job.cron for job in state.jobs[system.name]}
    for j in check.judged(system, state.jobs[system.name], kept.jobs, now) if kept else ():
        coming = cron.next_slot(crons[j.job], zone, now)
        yield (j.system, j.job, j.state.name, j.why, _ago(j.age), coming)


def _ago(age: timedelta | None) -> str | None:
    return None if age is None else f"{show.cell(age)} ago"


PAGES: dict[str, Callable[[DaemonState], Answer]] = {
    "/healthz": healthy,
    "/readyz": ready,
    "/metrics": figures,
    "/status": status,
}


class _Handler(BaseHTTPRequestHandler):
    server_version = "lifecycle"
    sys_version = ""
    timeout = 10
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        """Answer one of PAGES."""
        code, kind, body = self._answer(self.path.partition("?")[0])
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def _answer(self, path: str) -> Answer:
        page = PAGES.get(path)
        if page is None:
            return _json(404, error="no such page", pages=list(PAGES))
        try:
            return page(self.server.state)
        except Exception as error:  # noqa: BLE001 - a monitor gets an answer
            return _json(500, error=unexpected.explain(error).what)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep scrapes out of the log."""


def _json(code: int, **words: object) -> Answer:
    return code, "application/json", (json.dumps(words) + "\n").encode()
