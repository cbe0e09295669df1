"""Knows which process serves a data directory, and ends it when the process that wanted it is gone.

It never starts a server and never removes data.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from lifecycle import clock
from lifecycle.postgres.binaries import Binaries, environment, rights, server_account

# One watcher per running server that must not outlive us; each holds the other end of a pipe.
_watchers: dict[Path, subprocess.Popen[bytes]] = {}

# Nothing is ever written: `read` returns when we, the holder of the pipe, are gone, be it by a normal
# end or a kill -9. Immediate, because nobody is left to wait for an archiver that may never finish;
# the write-ahead log keeps the data whole.
WATCH = 'read -r _; exec "$0" stop -D "$1" -m immediate -t 60'


def pid_of(data: Path) -> int | None:
    """Return the process id of the server on this data directory, or None if none runs."""
    pid = _pid_in_file(data)
    return pid if pid is not None and _serves(pid, data) else None


def status(data: Path) -> str:
    """Return `starting`, `stopping`, `ready` or `standby`; empty if no server runs."""
    if pid_of(data) is None:
        return ""
    with contextlib.suppress(OSError, IndexError):
        # The eighth line is the server's own word about itself.
        return (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[7].strip()
    return "starting"


def forget_stale_locks(data: Path, sockets: Path) -> None:
    """Remove the lock files of a dead server whose number has passed to a stranger.

    PostgreSQL itself clears a lock that names a dead process. It gives up when the number is taken
    again: by another program after a reboot, or by the dead server's own zombie, which `kill` finds
    alive until somebody collects it. While any process still lives in the data directory, and where
    this cannot be known, every lock is left to PostgreSQL.
    """
    if not Path("/proc/self").exists() or any(_servers_in(data)):
        return
    for lock in sockets.glob(".s.PGSQL.*"):
        lock.unlink(missing_ok=True)
    if Path(f"/proc/{_pid_in_file(data)}").exists():
        (data / "postmaster.pid").unlink(missing_ok=True)


def kill(data: Path) -> None:
    """Take the server and its backends away at once, as a power cut would; the pid file stays."""
    deadline = clock.monotonic() + 10
    postmaster = pid_of(data)
    victims = [] if postmaster is None else [postmaster]
    while victims and clock.monotonic() < deadline:
        # The postmaster goes first, or it would answer the death of a child with a restart.
        for victim in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        time.sleep(0.01)
        victims = list(_servers_in(data))


def watch(data: Path, binaries: Binaries) -> None:
    """Have the server on this data directory stopped when this process ends, however it ends."""
    release(data)
    _watchers[data] = subprocess.Popen(  # noqa: S603 (our own words and paths)
        ["/bin/sh", "-c", WATCH, binaries.tool("pg_ctl"), data],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environment(),
        start_new_session=True,
        **rights(server_account()),
    )


def release(data: Path) -> None:
    """Dismiss the watcher of this data directory, if there is one; the server is left as it is."""
    watcher = _watchers.pop(data, None)
    if watcher is not None and watcher.stdin is not None:
        watcher.kill()
        watcher.stdin.close()
        watcher.wait()


def _pid_in_file(data: Path) -> int | None:
    try:
        return int((data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _serves(pid: int, data: Path) -> bool:
    """Say whether this process is a PostgreSQL server whose home is this data directory."""
    if not Path("/proc/self").exists():  # no such file system: all we can ask is whether it lives
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            return True
        return False
    with contextlib.suppress(OSError):
        # A program replaced by an upgrade reads "postgres (deleted)".
        program = Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")
        return program == "postgres" and Path(f"/proc/{pid}/cwd").readlink() == data.resolve()
    return False


def _servers_in(data: Path) -> Iterator[int]:
    """Yield the processes of a server, backends included, that live in this data directory."""
    if not Path("/proc/self").exists():
        pid = pid_of(data)
        yield from () if pid is None else (pid,)
        return
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _serves(int(entry.name), data):
            yield int(entry.name)
