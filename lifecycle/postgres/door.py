"""Knows who may enter a private cluster: its directory, its socket and its access rules.

The door is the directory: 0700 and owned by the server's account, so only that account and root reach
the socket, and inside no password is asked that could leak. It never opens a door to anyone else, and
as root it follows no link in there: the account could have laid it.
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from lifecycle.errors import Refused
from lifecycle.postgres.binaries import reachable, server_account

PORT = 5432  # part of the socket's file name; nothing listens on the network
SOCKET_PATH_LIMIT = 107  # bytes; the kernel's sun_path without its closing zero

RULES = """\
# The directory is the lock: only the server's account and root can enter.
local all all trust
local replication all trust
"""


def make(directory: Path) -> None:
    """Make the cluster's directory, its owner, its rules and its place for the socket right.

    Safe to repeat. Raise Refused if the server's account cannot reach the directory, or if no path
    short enough for a socket can be had.
    """
    account = server_account()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        give(directory)
    except OSError as error:
        raise Refused(
            f"cannot make {directory} a private directory: {error.strerror}",
            hint="Choose a directory that this user may make and own.",
        ) from error
    if not reachable(directory, account):
        name = account.name if account else "of this process"
        raise Refused(
            f"the account {name} cannot reach {directory}",
            hint="As root the server runs as that account: choose a directory below one that "
            "every account may enter, such as /var/lib or /tmp.",
        )
    _write_rules(directory)
    _make_sockets(directory / "socket")


def is_ours(directory: Path) -> bool:
    """Say whether `make` made this directory: our rules lie in it, with or without data yet."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return (directory / "pg_hba.conf").read_text(encoding="utf-8") == RULES
    return False


def sockets(directory: Path) -> Path:
    """Return the directory of the cluster's socket; clients name it as their host."""
    return (directory / "socket").resolve()


def remove_sockets(directory: Path) -> None:
    """Remove the directory of the cluster's socket, wherever it lies."""
    if _is_private(sockets(directory)):
        shutil.rmtree(sockets(directory), ignore_errors=True)


def _write_rules(directory: Path) -> None:
    """Put our access rules in place of whatever lies there."""
    handle, name = tempfile.mkstemp(dir=directory)
    with os.fdopen(handle, "w", encoding="utf-8") as rules:
        rules.write(RULES)
    give(Path(name))
    Path(name).replace(directory / "pg_hba.conf")


def _make_sockets(link: Path) -> None:
    """Make `link` a private directory, or a link to a short one where a socket would not fit."""
    fits = _fits(link)
    if link.is_symlink() and (fits or not _is_private(link.resolve())):
        link.unlink()  # gone with a cleaned /tmp, or none of ours
    if fits:
        link.mkdir(mode=0o700, exist_ok=True)
        give(link)
    elif not link.exists():
        short = Path(tempfile.mkdtemp(prefix="lc-"))
        if not _fits(short):
            short.rmdir()
            raise Refused(
                f"the path of the server's socket is longer than {SOCKET_PATH_LIMIT} bytes",
                hint="Choose a shorter directory for the cluster, or a shorter TMPDIR.",
            )
        give(short)
        link.symlink_to(short)


def give(path: Path) -> None:
    """Hand a path of ours to the server's account."""
    account = server_account()
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _fits(directory: Path) -> bool:
    return len(os.fsencode(directory / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_LIMIT


def _is_private(directory: Path) -> bool:
    """Say whether this is a directory of the server's account that nobody else may enter."""
    account = server_account()
    owner = os.geteuid() if account is None else account.uid
    with contextlib.suppress(OSError):
        found = directory.lstat()
        return found.st_uid == owner and found.st_mode == 0o40700
    return False
