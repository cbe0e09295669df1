"""`lifecycle --help`: how long a person waits for the command line. Aim: below 0.3 s."""

import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from lifecycle import clock

RUNS = 11


def measure() -> Iterator[str]:
    """Yield the median of whole processes, beside bare Python's."""
    program = Path(sys.executable).parent / "lifecycle"
    ours = [_seconds(str(program), "--help") for _ in range(RUNS)]
    bare = [_seconds(sys.executable, "-c", "pass") for _ in range(RUNS)]
    yield (
        f"lifecycle --help {statistics.median(ours):.3f} s ({min(ours):.3f} to {max(ours):.3f}); "
        f"python -c pass {statistics.median(bare):.3f} s; aim below 0.3 s"
    )


def _seconds(*command: str) -> float:
    begun = clock.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
    return clock.monotonic() - begun
