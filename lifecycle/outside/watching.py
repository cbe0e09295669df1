"""Watches a program that may take hours: that it says something now and then, and takes no more memory than it may.

Never ends one: `commands.py` does, with all its children.
"""

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import IO

from lifecycle import clock
from lifecycle.errors import DeadlineExceeded


@dataclass(frozen=True, slots=True)
class Watch:
    """What ends a program before its time: a silence longer than `quiet`, and more memory than `memory` bytes."""

    quiet: timedelta
    memory: int


def with_less(argv: Sequence[str], memory: int) -> Sequence[str]:
    """Return the words that run a program with so many bytes of memory at most: the kernel refuses it more."""
    # What it may write to, not what it reserves: Go reserves far more than it ever uses.
    return ("/bin/sh", "-c", 'ulimit -d "$0" && exec "$@"', str(memory // 1024), *argv)


def end_of(
    wait: Callable[[float], int],
    program: str,
    limit: timedelta,
    watch: Watch | None,
    files: tuple[IO[bytes], ...],
) -> int:
    """Return what `wait` does. Raise DeadlineExceeded at the limit, and when these files are silent."""
    try:
        if watch is None:
            return wait(limit.total_seconds())
        return _watched(wait, program, limit, watch, files)
    except subprocess.TimeoutExpired:
        raise _too_long(program, f"took longer than its time limit of {limit}") from None


def _watched(
    wait: Callable[[float], int],
    program: str,
    limit: timedelta,
    watch: Watch,
    files: tuple[IO[bytes], ...],
) -> int:
    said, since = -1, clock.monotonic()
    end = since + limit.total_seconds()
    while True:
        try:
            return wait(1)
        except subprocess.TimeoutExpired:
            now, size = clock.monotonic(), sum(os.fstat(file.fileno()).st_size for file in files)
            if now > end:
                raise
            if size != said:
                said, since = size, now
            elif now - since > watch.quiet.total_seconds():
                raise _too_long(program, f"said nothing for {watch.quiet}") from None


def _too_long(program: str, why: str) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"{program} {why} and was ended",
        hint="Look at what it waited for (locks, network, a full disk); it is safe to run it again.",
    )
