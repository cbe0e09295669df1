"""`lifecycle` as processes that begin with everything loaded: forked from one that has read all modules once.

Each has files, environment, directory and exit code of its own, and ends as Python ends. Only what comes before is spared:
to read and build the same modules again was a third of what the tests of the command line took. The daemons of the
acceptance tests begin so too, by `start.py`; the processes that they start for runs are fresh ones. Whoever looks at the
beginning itself (how soon `--help` comes, Ctrl-C in the first instant, a full disk) starts a process of its own.
"""

import atexit
import contextlib
import functools
import gc
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[1]
REQUEST = 1 << 20
"""Bytes that words and environment may take."""
TEST_ROOM = "the test room"
"""Says that `start.py` of the acceptance tests is started, not `lifecycle`."""


def run(
    words: tuple[str, ...],
    env: Mapping[str, str],
    cwd: Path,
    timeout: float = 60,
    typed: str = "",
    main: str = "lifecycle",
) -> "subprocess.CompletedProcess[str]":
    """Run `lifecycle WORDS` to its end, as `subprocess.run` would, with what is `typed` to be read.

    Raise TimeoutExpired after so many seconds.
    """
    with (
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
        tempfile.TemporaryFile("w+") as typing,
    ):
        typing.write(typed)
        typing.seek(0)
        process = start(words, env, cwd, (typing, out, err), main)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(words, code, out.read(), err.read())


class Started:
    """A process that was forked, with what tests ask of a Popen."""

    def __init__(self, words: tuple[str, ...], told: int) -> None:
        self._words = words
        self._ending = os.fdopen(told)
        self.pid = int(self._ending.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return its exit code, or None while it is there."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code. Raise TimeoutExpired after so many seconds."""
        if self.returncode is None:
            if not select.select([self._ending], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self._words, timeout or 0)
            self.returncode = int(self._ending.readline())
            self._ending.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(
    words: tuple[str, ...],
    env: Mapping[str, str],
    cwd: Path,
    files: tuple[IO[Any], IO[Any], IO[Any]],
    main: str = "lifecycle",
) -> Started:
    """Start `lifecycle WORDS` with these files for what it reads and says; as `main`, if given.

    That is TEST_ROOM, or a folder of runbooks that are known beside the product's.
    """
    ended, told = os.pipe()
    request = json.dumps({"words": words, "env": dict(env), "cwd": str(cwd)}).encode()
    socket.send_fds(_loaded(main)[0], [request], [*(file.fileno() for file in files), told])
    os.close(told)
    return Started(words, ended)


@functools.cache
def _loaded(main: str) -> "tuple[socket.socket, subprocess.Popen[bytes]]":
    """Return the line to the process to fork from, and that process; it leaves with this one, whose end it reads."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, REQUEST)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forked", str(its.fileno()), main],
        pass_fds=[its.fileno()],
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
    )
    its.close()
    atexit.register(_let_go, ours, process)
    return ours, process


def _let_go(ours: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    ours.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)


def _load(main: str) -> None:
    from importlib import import_module

    if main == TEST_ROOM:
        import_module("tests.acceptance.start")  # its one room stands in place of all others
    elif main != "lifecycle":
        import_module("runbooks.books").__path__.append(main)

    from lifecycle import cli, rooms
    from lifecycle.commands import tree
    from lifecycle.outside import objects
    from lifecycle.policy import whole
    from tests import initdb

    initdb.once()
    assert cli.app
    assert objects.store
    whole.model()
    for name in tree.elsewhere():
        tree.load(name)
    parts = [file.stem for file in (ROOT / "lifecycle/partitions").glob("*.py")]
    for part in {*parts, "jobs", "cli", "section", "rights", "findings", "figures", "chapter"}:
        for folder in rooms.folders():
            with contextlib.suppress(ModuleNotFoundError):
                import_module(f"{folder}.{part}")
    for file in (ROOT / "lifecycle/daemon").glob("*.py"):
        import_module(f"lifecycle.daemon.{file.stem}")
    for heavy in ("boto3", "botocore.session", "stripe", "lifecycle.admin.doctor"):
        import_module(heavy)


def _serve(line: socket.socket) -> dict[str, Any]:
    """Answer requests until the other end is gone; return one in the process that was made for it."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        text, files, *_ = socket.recv_fds(line, REQUEST, 4)
        if not text:
            os._exit(0)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            line.close()
            if (pid := os.fork()) == 0:
                os.close(files[3])
                return json.loads(text) | {"files": files[:3]}
            _tell(pid, files)
        for file in files:
            os.close(file)


def _tell(pid: int, files: list[int]) -> None:
    """Say which process it is and, when it has ended, how; and leave."""
    os.write(files[3], f"{pid}\n".encode())
    for file in files[:3]:
        os.close(file)
    _, status = os.waitpid(pid, 0)
    os.write(files[3], f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(request: dict[str, Any]) -> None:
    for number, file in enumerate(request["files"]):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    time.tzset()
    random.seed()  # each has chances of its own
    tempfile.tempdir = None
    sys.argv = ["lifecycle", *request["words"]]


def _carried_out(main: str) -> int:
    try:
        if main == TEST_ROOM:
            from tests.acceptance import start

            return start.command(sys.argv[1:])
        from lifecycle.__main__ import main as command

        command()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException as error:  # noqa: BLE001 - as at the top of a process
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


def _end(code: int) -> None:
    """End as Python does, but for taking to pieces what would be gone with the process anyway."""
    threading._shutdown()  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
    atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    _load(sys.argv[2])
    gc.freeze()  # what is there stays where it is, in the memory that all of them share
    kind = sys.argv[2]
    _become(_serve(socket.socket(fileno=int(sys.argv[1]))))
    _end(_carried_out(kind))
