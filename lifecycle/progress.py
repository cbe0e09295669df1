"""A line on the terminal that says what is going on, once a command has been silent for two seconds.

`restoring ... 12 s`. Only where standard error is a terminal and a command is waited for; nowhere else do these
functions do anything, so that whatever takes long may name its phases, in the daemon too.
"""

import contextlib
import shutil
import sys
import threading
from collections.abc import Generator

from lifecycle import clock

QUIET = 2.0
"""Seconds after which silence needs an explanation."""

EVERY = 0.5
"""Seconds between two looks at the clock."""


class _Line:
    """The line of this process. One, as a terminal has one last line."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.what = "working"
        self.since: float | None = None  # nobody waits, or somebody is typing: nothing is shown
        self.shown = False

    def draw(self) -> None:
        with self.lock:
            silent = clock.monotonic() - self.since if self.since is not None else 0
            if silent >= QUIET:
                line = f"{self.what} ... {silent:.0f} s"[: shutil.get_terminal_size().columns - 1]
                sys.stderr.write(f"\r\033[K{line}")
                sys.stderr.flush()
                self.shown = True

    def clear(self, since: float | None) -> None:
        """Take the line away, and begin to count anew, or not to count."""
        with self.lock:
            self.since = since
            if self.shown:
                sys.stderr.write("\r\033[K")
                sys.stderr.flush()
                self.shown = False


_line = _Line()


@contextlib.contextmanager
def shown() -> Generator[None]:
    """Let a person who waits see what is going on, for as long as this lasts."""
    if not sys.stderr.isatty():
        yield
        return
    _line.since = clock.monotonic()
    over = threading.Event()
    thread = threading.Thread(target=_keep, args=(over,), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        _line.clear(None)


def _keep(over: threading.Event) -> None:
    while not over.wait(EVERY):
        _line.draw()


def phase(what: str) -> None:
    """Say what begins now: `restoring the dump`. Costs nothing where nobody waits."""
    _line.what = what


def hide() -> None:
    """Make way for something that is written to the terminal. After as much silence as before the line comes again."""
    if _line.since is not None:
        _line.clear(clock.monotonic())


@contextlib.contextmanager
def paused() -> Generator[None]:
    """Show nothing while a person is asked something: it is they who are waited for."""
    waited = _line.since is not None
    _line.clear(None)
    try:
        yield
    finally:
        if waited:
            _line.clear(clock.monotonic())
