"""`lifecycle` as processes that begin with everything loaded: forked from one that has read all modules once.

Each has files, environment, directory and exit code of its own, and ends as Python ends. Only what comes before is spared:
to read and build the same modules again was a third of what the tests of the command line took. Whoever looks at the
beginning itself (how soon `--help` comes, Ctrl-C in the first instant, a full disk) starts a process of its own.
"""

import atexit
import contextlib
import functools
import gc
import json
import os
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
from typing import Any

ROOT = Path(__file__).parents[1]
REQUEST = 1 << 20
"""Bytes that words and environment may take."""


def run(
    words: tuple[str, ...], env: Mapping[str, str], cwd: Path, timeout: float = 60, typed: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run `lifecycle WORDS` to its end, as `subprocess.run` would, with what is `typed` to be read.

    Raise TimeoutExpired after so many seconds.
    """
    ended, told = os.pipe()
    with (
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
        tempfile.TemporaryFile("w+") as typing,
        os.fdopen(ended) as ending,
    ):
        typing.write(typed)
        typing.seek(0)
        request = json.dumps({"words": words, "env": dict(env), "cwd": str(cwd)}).encode()
        files = [typing.fileno(), out.fileno(), err.fileno(), told]
        socket.send_fds(_loaded()[0], [request], files)
        os.close(told)
        pid = int(ending.readline())
        if not select.select([ending], [], [], timeout)[0]:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(words, timeout)
        code = int(ending.readline())
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(words, code, out.read(), err.read())


@functools.cache
def _loaded() -> "tuple[socket.socket, subprocess.Popen[bytes]]":
    """Return the line to the process to fork from, and that process; it leaves with this one, whose end it reads."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, REQUEST)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forked", str(its.fileno())],
        pass_fds=[its.fileno()],
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
    )
    its.close()
    atexit.register(ours.close)
    return ours, process


def _load() -> None:
    from importlib import import_module

    from lifecycle import cli, rooms
    from lifecycle.commands import tree
    from lifecycle.outside import objects
    from lifecycle.policy import whole

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
    tempfile.tempdir = None
    sys.argv = ["lifecycle", *request["words"]]


def _carried_out() -> int:
    from lifecycle.__main__ import main

    try:
        main()
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
    _load()
    gc.freeze()  # what is there stays where it is, in the memory that all of them share
    _become(_serve(socket.socket(fileno=int(sys.argv[1]))))
    _end(_carried_out())
