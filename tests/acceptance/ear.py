"""A web server on loopback for webhooks and dead-man's switches: it keeps what it was told."""

import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.acceptance.stage import Stage


@dataclass
class Ear:
    """What came: the path and the body of each POST, in order."""

    url: str
    heard: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])

    def paths(self) -> list[str]:
        return [path for path, _ in self.heard]

    def alerts(self, kind: str) -> list[dict[str, Any]]:
        """Return the alerts of this kind."""
        told = [json.loads(body) for _, body in self.heard]
        return [words for words in told if words["kind"] == kind]


@contextmanager
def listening(*, drips: bool = False) -> Generator[Ear]:
    """Listen. One that `drips` answers a byte every second, and never ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            ear.heard.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            while drips and not over.wait(1):
                self.wfile.write(b"H")
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Whoever was slow to be answered hung up."""

    over = threading.Event()
    with Server(("127.0.0.1", 0), Handler) as server:
        ear = Ear(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield ear
        over.set()
        server.shutdown()


def settle(stage: Stage, **parts: object) -> None:
    """Put these parts into the stage's settings."""
    file = stage.directory / "settings.yaml"
    file.write_text(json.dumps(json.loads(file.read_text()) | parts))


def secret(directory: Path, url: str) -> dict[str, str]:
    """Return a URL as a secret in a file of its own."""
    file = directory / f"secret{time.monotonic_ns()}"
    file.touch(mode=0o600)
    file.write_text(url)
    return {"file": str(file)}
