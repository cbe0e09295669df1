"""A pooler hands a session's settings, its search path among them, to whoever comes next: nothing is asked through one."""

import socket
import threading
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lifecycle.errors import Refused
from lifecycle.postgres import connect


def stand_between(place: Path, server: str) -> None:
    """Listen as a pooler does that shares its connections: it tells each client a process id of its own."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(place / ".s.PGSQL.5432"))
    listening.listen()

    def serve() -> None:
        with listening:
            client, _ = listening.accept()
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(server)
        threading.Thread(target=pass_on, args=(client, upstream), daemon=True).start()
        while said := upstream.recv(65536):
            head, key, rest = said.partition(
                b"K\x00\x00\x00\x0c"
            )  # BackendKeyData: process id, secret
            client.sendall(head + key + (b"\x00\x00\x00\x07" + rest[4:] if key else b""))
        client.close()

    threading.Thread(target=serve, daemon=True).start()


def pass_on(client: socket.socket, upstream: socket.socket) -> None:
    while said := client.recv(65536):
        upstream.sendall(said)
    upstream.close()


@pytest.mark.parametrize("write", [True, False])
def test_a_pooler_is_refused_before_anything_is_asked(database: str, tmp_path: Path, write: bool):
    parts = conninfo_to_dict(database)
    stand_between(tmp_path, f"{parts['host']}/.s.PGSQL.{parts.get('port', 5432)}")
    through = make_conninfo(database, host=str(tmp_path), port="5432")
    with pytest.raises(Refused, match="a connection pooler stands between"):
        connect.connect(through, "test", write=write)
