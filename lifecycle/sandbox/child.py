"""Starts a stand-in as a process of its own, waits until it answers, and ends it.

The convention both sides keep: `python -m MODULE --port-file PATH` takes a free port on loopback,
writes its number into the file in one step, and lives until SIGTERM or until its standard input ends,
which happens when the process that started it is gone, a kill -9 included. It knows no protocol beyond
"something answers HTTP".
"""

import argparse
import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from lifecycle import clock
from lifecycle.errors import Unreachable


@dataclass(frozen=True)
class Running:
    """A stand-in that answers: its address, its process and the file it logs to."""

    url: str
    pid: int
    log: Path


@contextlib.contextmanager
def started(module: str, directory: Path, *, patience: float = 15) -> Generator[Running]:
    """Run `python -m module` until the end of the block; yield it once it answers.

    Its log and its port file lie in `directory`, which is made if need be; `patience` is in seconds.
    Raise Unreachable with the end of the log if it does not answer in time.
    """
    directory.mkdir(parents=True, exist_ok=True)
    name = module.rpartition(".")[2]
    log, port_file = directory / f"{name}.log", directory / f"{name}.port"
    port_file.unlink(missing_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 (our own module, no shell)
            [sys.executable, "-m", module, "--port-file", str(port_file)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for us, who then end it in order
        )
    try:
        port = _wait_for_answer(process, port_file, patience)
        if port is None:
            said = log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:]
            raise Unreachable(
                f"{module} did not answer within {patience:g} seconds"
                + "".join(f"\n    {line}" for line in said),
                hint=f"Its whole log is {log}.",
            )
        yield Running(f"http://127.0.0.1:{port}", process.pid, log)
    finally:
        _end(process)


def serve(start: Callable[[], int]) -> None:
    """Be a stand-in: call `start`, announce the port it returns, live until told to end.

    `start` must serve from daemon threads and return at once.
    """
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port-file", type=Path, required=True)
    port_file: Path = arguments.parse_args().port_file
    signal.signal(signal.SIGTERM, _leave)
    # Renamed into place, so that a reader never sees half a number.
    half = port_file.with_suffix(".half")
    half.write_text(str(start()), encoding="utf-8")
    half.replace(port_file)
    with contextlib.suppress(KeyboardInterrupt):
        while os.read(sys.stdin.fileno(), 4096):
            pass


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _wait_for_answer(
    process: subprocess.Popen[bytes], port_file: Path, patience: float
) -> int | None:
    """Return the port as soon as something answers there, None if it ends or stays silent."""
    deadline = clock.monotonic() + patience
    while process.poll() is None and clock.monotonic() < deadline:
        if port_file.exists():
            port = int(port_file.read_text(encoding="utf-8"))
            if _answers(port, deadline - clock.monotonic()):
                return port
        time.sleep(0.02)
    return None


def _answers(port: int, patience: float) -> bool:
    """Say whether anything, an error included, comes back over HTTP."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", port, timeout=max(patience, 0.1))
        ) as connection:
            connection.request("GET", "/")
            connection.getresponse().read()
        return True
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, then insist."""
    process.terminate()
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
