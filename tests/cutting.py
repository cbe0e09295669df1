"""A way to a PostgreSQL server that is cut off around a COMMIT: whoever sent it never hears what became of it."""

import contextlib
import select
import socket
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

COMMIT = b"COMMIT\0"
"""How the protocol writes it, be it asked for or done."""

SOCKET = ".s.PGSQL.5432"


@dataclass
class Way:
    """The way itself: `conninfo` leads over it. One COMMIT, counted from 0, is `cut`: it is done, or it is not."""

    conninfo: str
    cut: int | None = None
    done: bool = True
    seen: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def at(self, number: int, *, done: bool) -> None:
        """Count anew, and cut that one."""
        self.cut, self.done, self.seen = number, done, 0

    def is_it(self, sent: bytes) -> bool:
        """Count what was sent, and say whether it is the one."""
        with self._lock:
            found = COMMIT in sent and self.seen == self.cut
            self.seen += COMMIT in sent
        return found


@contextmanager
def cutting(conninfo: str) -> Generator[Way]:
    """Give a way to the server of `conninfo`, which a directory leads to."""
    there = str(Path(str(conninfo_to_dict(conninfo)["host"])) / SOCKET)
    with tempfile.TemporaryDirectory(prefix="way-") as here, socket.socket(socket.AF_UNIX) as door:
        door.bind(f"{here}/{SOCKET}")
        door.listen()
        way = Way(make_conninfo(conninfo, host=here))
        threading.Thread(target=_open, args=(door, there, way), daemon=True).start()
        yield way
        door.shutdown(socket.SHUT_RDWR)


def _open(door: socket.socket, there: str, way: Way) -> None:
    with contextlib.suppress(OSError):  # until it is shut
        while True:
            client, _ = door.accept()
            threading.Thread(target=_lead, args=(client, there, way), daemon=True).start()


def _lead(client: socket.socket, there: str, way: Way) -> None:
    """Hand on what both say, until one of them leaves or it is cut."""
    with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
        server.connect(there)
        while True:
            for ready in select.select([client, server], [], [])[0]:
                said = ready.recv(1 << 16)
                if not said:
                    return
                if ready is client and way.is_it(said):
                    if way.done:
                        server.sendall(said)
                        while COMMIT not in server.recv(1 << 16):
                            pass
                    return
                (server if ready is client else client).sendall(said)
