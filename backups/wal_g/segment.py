"""Fetches one segment of the log and looks at what it is, not at its name: whole, of this server, page by page.

Its first page says whose it is, and each page where in the log it lies and of which timeline it is (PostgreSQL's
`access/xlog_internal.h`, XLogPageHeaderData and XLogLongPageHeaderData). Of a promoted server's first segment the pages
up to the promotion are still of the timeline that it left. What a record holds is not looked at: a drill replays it.
"""

import os
import re
import struct
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from backups.wal_g import log, program
from backups.wal_g.program import Program
from lifecycle.errors import Unproven

_LONG = struct.Struct("<HHIQIxxxxQII")
_PAGE = struct.Struct("<HHIQ")
_PAGE_SIZE = 24  # of a page's header, with what is between its fields and the first record
_RECORD = struct.Struct("<IIQBBxxI")  # access/xlogrecord.h, XLogRecord
_SWITCH = 0x40  # catalog/pg_control.h, XLOG_SWITCH; its manager is the first
_KIND = 0xD1  # of each version's magic number, which PostgreSQL changes with the log's format
_PAGES = tuple(2**n for n in range(10, 17))  # what a server can be built with
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
        raise _wrong(f"it has {found:,} bytes in the archive, and {size:,} are a segment")
    content = file.read_bytes()
    magic, _, timeline, address, _, whose, _, page = _LONG.unpack_from(content)
    if magic >> 8 != _KIND or page not in _PAGES:
        raise _wrong("what lies in the archive under this name is no segment of a log")
    if whose != identifier:
        raise _wrong("in the archive lies one of another server under this name")
    wanted = log.segment(name, size)
    begins = wanted.number * size
    if address != begins or timeline > wanted.timeline:
        raise _wrong("in the archive lies another segment under this name")
    for at in range(0, size, page):
        kind, _, of, address = _PAGE.unpack_from(content, at)
        if kind == 0 and _is_switched(content, at, page):
            return
        if (kind, address) != (magic, begins + at) or not timeline <= of <= wanted.timeline:
            raise _wrong(
                f"its page at {log.place(begins + at)} is zeros, or of another place or timeline"
            )
        timeline = of


def _is_switched(content: bytes, at: int, page: int) -> bool:
    """Say whether the log was switched before this page: the record that does so is the last, and then all is zeros."""
    if at == 0 or content[at:] != bytes(len(content) - at):
        return False
    before = content[max(0, at - 2 * page) + _LONG.size : max(0, at - page)]
    last = content[at - page + (_PAGE_SIZE if at > page else _LONG.size) : at]
    end = len(before) + -(-len(last.rstrip(b"\0")) // 8) * 8
    record = (before + last)[end - _RECORD.size : end]
    length, _, _, info, manager, _ = _RECORD.unpack(record)
    return (length, info, manager) == (_RECORD.size, _SWITCH, 0)


def _wrong(what: str) -> Unproven:
    return Unproven(what, hint=_HINT)
