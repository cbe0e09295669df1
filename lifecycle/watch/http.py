"""Answers monitors over HTTP, on loopback unless the settings say otherwise.

    /healthz   this daemon lives: its alarm clock rings. A database's trouble restarts nobody
    /readyz    this daemon can work: every system is reached, written to and not fenced, and the daemon is not leaving
    /metrics   figures for Prometheus
    /status    a page for a person; / is the same page

Answers from what the daemon keeps in mind and asks no database, so it answers at once when none does. Reads only.
Knows nothing of a person, and shows no connection string.
"""

import json
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from typing import Any

from lifecycle import clock, unexpected
from lifecycle.errors import InputError
from lifecycle.ledger.fences import Fence
from lifecycle.schedule.breaker import Dark
from lifecycle.schedule.state import DaemonState
from lifecycle.watch import metrics, page

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
    """Say whether the daemon can take work; if not, which systems are dark or fenced, since when, why, what to do."""
    dark = dict(state.dark_systems(clock.now()))
    told = {
        name: _dark(dark.get(name)) or _fenced(state.fences.get(name, ()))
        for name in (system.name for system in state.systems)
    }
    fine = not state.draining and not any(told.values())
    return _json(200 if fine else 503, ready=fine, draining=state.draining, systems=told)


def _dark(dark: Dark | None) -> dict[str, str] | None:
    if dark is None:
        return None
    since = dark.since.isoformat(timespec="seconds")
    return {"dark_since": since, "why": dark.error.what, "hint": dark.error.hint}


def _fenced(standing: Sequence[Fence]) -> dict[str, str] | None:
    if not standing:
        return None
    first = standing[0]
    since = first.since.isoformat(timespec="seconds")
    return {"fenced_since": since, "why": first.why, "hint": first.hint}


def figures(state: DaemonState) -> Answer:
    """Return the figures for Prometheus."""
    return 200, metrics.CONTENT_TYPE, metrics.render(state)


def status(state: DaemonState) -> Answer:
    """Return a page that says how every job stands, and which systems are dark."""
    return 200, "text/html; charset=utf-8", page.render(state, clock.now()).encode()


PAGES: dict[str, Callable[[DaemonState], Answer]] = {
    "/": status,
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
        answer = PAGES.get(path)
        if answer is None:
            return _json(404, error="no such page", pages=list(PAGES))
        try:
            return answer(self.server.state)
        except Exception as error:  # noqa: BLE001 - a monitor gets an answer
            return _json(500, error=unexpected.explain(error).what)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep scrapes out of the log."""


def _json(code: int, **words: object) -> Answer:
    return code, "application/json", (json.dumps(words) + "\n").encode()
