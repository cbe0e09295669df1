"""Lets whatever the tests put into the temporary directory lie in memory, where the machine has room for it.

Hundreds of databases are made and dropped. On a disk that can take a third of a second each, nearly all of it
the file system's search for room; in memory it is 20 ms. What pytest gives a test, and keeps for whoever looks why it
failed, stays on the disk.
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 4 << 30
"""Bytes; a whole run takes about 1.5 GB at its height."""

_OURS = "lifecycle-tests-"


def begin() -> Path | None:
    """Make the temporary directory of this run, and of all that it starts. Return it; None where it stays on disk.

    It stays there when TMPDIR names another place, and where memory is short or runs no programs.
    """
    if "TMPDIR" in os.environ or not _fits():
        return None
    for left in MEMORY.glob(f"{_OURS}*"):  # by a run that was killed
        if not Path("/proc", left.name.removeprefix(_OURS)).exists():
            shutil.rmtree(left, ignore_errors=True)
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    place = MEMORY / f"{_OURS}{os.getpid()}"
    place.mkdir()
    place.chmod(0o711)  # the server's account goes through it
    os.environ["TMPDIR"] = str(place)
    tempfile.tempdir = None  # asked again, and found there
    return place


def end(place: Path | None) -> None:
    """Give the memory back."""
    if place is not None:
        shutil.rmtree(place, ignore_errors=True)


def _fits() -> bool:
    with contextlib.suppress(OSError):
        found = os.statvfs(MEMORY)
        room = found.f_bavail * found.f_frsize
        return room >= ROOM and not found.f_flag & os.ST_NOEXEC
    return False
