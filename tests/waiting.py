"""The one way a test waits: until something is so, for minutes if need be, because a busy machine is no mistake.

No assertion of ours is on a time below seconds; what must be fast is measured by `make bench`, as a ratio.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE = 60.0
"""Seconds. Nothing in a test takes that long on a quiet machine; it is how long a hanging test hangs."""


def wait_until(
    what: Callable[[], Found],
    told: Callable[[], object] = lambda: "",
    *,
    patience: float = PATIENCE,
    forgive: type[Exception] | tuple[type[Exception], ...] = (),
) -> Found:
    """Wait until `what` returns something true and return that.

    Raise AssertionError with what `told` says after `patience` seconds. Errors in `forgive` mean "not yet".
    """
    end = time.monotonic() + patience
    while True:
        late = (
            time.monotonic() > end
        )  # asked before the last look: a process put to sleep between is no failure
        try:
            if found := what():
                return found
        except forgive:
            pass
        assert not late, f"not so after {patience:g} s\n{told()}"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Say whether that process still runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
