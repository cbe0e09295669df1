"""A stateful double of the Stripe API on loopback: `python -m lifecycle.sandbox.stripe_double`.

It speaks HTTP for `stripe_desk.py` and `stripe_objects.py`, and beside Stripe's paths has its own:

    GET    /_double/requests     what was asked: method, path, idempotency key, status (null: no answer)
    DELETE /_double/requests     forget that
    POST   /_double/faults       {"status": 429 | 500 | "timeout" | "drop-after", "count": 1,
                                  "method": "DELETE", "path": "/v1/customers/*", "seconds": 60,
                                  "headers": {"Retry-After": "1"}}; only `status` is needed.
                                 timeout: nothing happens and no answer comes for `seconds`.
                                 drop-after: it happens, and the connection closes before the answer
    DELETE /_double/faults       order no more faults
    DELETE /_double/idempotency  forget the keys, as Stripe may after 24 hours
    GET, POST /_double/state     everything it keeps, to put it away and to give it back

Everything is in memory. Requests are believed, not checked against Stripe's full description.
"""

import contextlib
import json
import re
import secrets
import threading
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from lifecycle.sandbox import child
from lifecycle.sandbox.stripe_desk import Answer, Desk, Request
from lifecycle.sandbox.stripe_objects import Store
from lifecycle.sandbox.stripe_refusals import Object, Params, StripeError

KEY = "sk_test_sandbox"


def start(directory: Path) -> contextlib.AbstractContextManager[child.Running]:
    """Run the double until the end of the block; its log lies in `directory`.

    Clients name its url as the API's base address and `KEY` as their key. Raise Unreachable if it
    does not answer within 15 seconds.
    """
    return child.started("lifecycle.sandbox.stripe_double", directory)


def unfold(form: str) -> Params:
    """Return `a=1&b[c]=2&d[0][e]=3` as nested dictionaries; lists stay dictionaries by number."""
    params: Params = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        first, *rest = re.findall(r"[^\[\]]+", name)
        place = params
        for word, deeper in zip([first, *rest], [*rest, None], strict=True):
            if deeper is None:
                place[word] = value
            else:
                place = cast(Params, place.setdefault(word, {}))
    return params


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, desk: Desk) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.desk = desk


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Keep quiet: /_double/requests is the log."""

    def _serve(self) -> None:
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if address.path == "/_double/state":
            self._send(self._state(body))
            return
        if address.path.startswith("/_double/"):
            self._send(self._control(address.path, body))
            return
        request = Request(
            self.command,
            address.path,
            unfold(address.query) | unfold(body),
            self.headers.get("Authorization", ""),
            self.headers.get("Idempotency-Key"),
        )
        answer = cast(_Server, self.server).desk.answer(request)
        if answer.silence is None:
            self._send(answer)
            return
        threading.Event().wait(answer.silence)
        self.close_connection = True

    def _state(self, body: str) -> Answer:
        desk = cast(_Server, self.server).desk
        with desk.lock:
            if self.command == "POST":
                desk.store = Store(**json.loads(body))
            return Answer(200, asdict(desk.store))

    def _control(self, path: str, body: str) -> Answer:
        desk = cast(_Server, self.server).desk
        with desk.lock:
            match self.command, path:
                case "GET", "/_double/requests":
                    return Answer(200, {"data": list(desk.log)})
                case "DELETE", "/_double/requests":
                    desk.log.clear()
                case "DELETE", "/_double/faults":
                    desk.faults.clear()
                case "DELETE", "/_double/idempotency":
                    desk.kept.clear()
                case "POST", "/_double/faults":
                    try:
                        return Answer(200, desk.order(cast(Object, json.loads(body))))
                    except StripeError as error:
                        return Answer(error.status, error.body)
                case _:
                    return Answer(404, {"error": {"message": f"no {self.command} {path} here"}})
        return Answer(200, {})

    def _send(self, answer: Answer) -> None:
        body = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Request-Id", f"req_{secrets.token_hex(7)}")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _serve() -> int:
    """Start serving in a thread and return the port."""
    server = _Server(Desk(KEY))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


if __name__ == "__main__":
    child.serve(_serve)
