"""Fetches one segment of the log and looks at what it is, not at its name: whole, of this server, at its place.

Its first page says whose it is (PostgreSQL's `access/xlog_internal.h`, XLogLongPageHeaderData).
"""

import os
import re
import struct
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from backups.wal_g import program
from backups.wal_g.program import Program
from lifecycle.errors import Unproven

_HEADER = struct.Struct("<HHIQIxxxxQII")
_ABSENT = re.compile(r"Archive .* does not exist")
_HINT = "See who else writes into this store, and look into `archive_command`."


@contextmanager
def place(ours: Path) -> Generator[Path]:
    """Give a directory within ours that WAL-G can write into, whose account it runs as."""
    made = ours / "fetched"
    made.mkdir(mode=0o700)
    account = program.account()
    if account is not None:
        ours.chmod(0o711)
        os.chown(made, account.uid, account.gid)
    yield made


def fetched(walg: Program, name: str, into: Path) -> bool:
    """Fetch it; return whether the archive has it. Raise as `program.explain`."""
    to = into / name
    ended = walg.alone().ask("wal-fetch", name, str(to), directory=into)
    if ended.exit_code == 0 and to.exists():
        return True
    to.unlink(missing_ok=True)
    if ended.exit_code == 74 or (ended.exit_code == 1 and _ABSENT.search(ended.stderr_tail)):
        return False
    raise program.explain("wal-fetch", ended)


def must_be(file: Path, name: str, identifier: int, size: int) -> None:
    """Raise Unproven unless the file is this segment, whole, and of the server with this identifier."""
    found = file.stat().st_size
    if found != size:
        raise Unproven(
            f"it has {found:,} bytes in the archive, and {size:,} are a segment", hint=_HINT
        )
    with file.open("rb") as opened:
        _, _, timeline, address, _, whose, _, _ = _HEADER.unpack(opened.read(_HEADER.size))
    if whose != identifier:
        raise Unproven("in the archive lies one of another server under this name", hint=_HINT)
    per_file = 0x100000000 // size
    number = int(name[8:16], 16) * per_file + int(name[16:], 16)
    if (timeline, address) != (int(name[:8], 16), number * size):
        raise Unproven("in the archive lies another segment under this name", hint=_HINT)
