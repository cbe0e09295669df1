"""A pooler hands a session's settings, its search path among them, to whoever comes next: nothing is asked through one."""

import contextlib
import socket
import threading
from collections.abc import Generator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lifecycle.errors import Refused
from lifecycle.postgres import connect


@contextlib.contextmanager
def pooler(place: Path, server: str) -> Generator[None]:
    """Serve one client as a pooler does that shares its connections: it tells each a process id of its own."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place / ".s.PGSQL.5432"))
        listening.listen()
        serving = threading.Thread(target=serve, args=(listening, server))
        serving.start()
        yield
        serving.join()


def serve(listening: socket.socket, server: str) -> None:
    client, _ = listening.accept()
    with client, socket.socket(socket.AF_UNIX) as upstream:
        upstream.connect(server)
        answering = threading.Thread(target=answer, args=(client, upstream))
        answering.start()
        with contextlib.suppress(OSError):
            while said := client.recv(65536):
                upstream.sendall(said)
        with contextlib.suppress(OSError):  # the server was faster
            upstream.shutdown(socket.SHUT_WR)
        answering.join()


def answer(client: socket.socket, upstream: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while said := upstream.recv(65536):
            head, key, rest = said.partition(
                b"K\x00\x00\x00\x0c"
            )  # BackendKeyData: process id, secret
            client.sendall(head + key + (b"\x00\x00\x00\x07" + rest[4:] if key else b""))


@pytest.mark.parametrize("write", [True, False])
def test_a_pooler_is_refused_before_anything_is_asked(database: str, tmp_path: Path, write: bool):
    parts = conninfo_to_dict(database)
    through = make_conninfo(database, host=str(tmp_path), port="5432")
    with (
        pooler(tmp_path, f"{parts['host']}/.s.PGSQL.{parts.get('port', 5432)}"),
        pytest.raises(Refused, match="a connection pooler stands between"),
    ):
        connect.connect(through, "test", write=write)
