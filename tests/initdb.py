"""A new data directory as a copy of one that initdb made before, for servers that may vanish with the machine.

initdb takes most of a second of the processor, a copy a twentieth of that; every drill asks for one. It is asked once
for each program and each way of asking, and all processes of a run of the tests share what it made. Two copies bear one
system identifier, as a server and its standby do: whoever needs another server says `anew`.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path

from lifecycle.postgres.binaries import Binaries

PLACE = "TEST_INITDB"
"""The variable by which all processes of a run know where copies are taken from."""

_asked = Binaries.run
_copies = True


def begin() -> Path | None:
    """Let every `Cluster` that gives up durability be made so, here and in what we start.

    Return the directory to be removed at the end, unless that is for the process to do that started us.
    """
    once()
    if PLACE in os.environ:
        return None
    made = Path(tempfile.mkdtemp(prefix="lifecycle-initdb-"))
    os.environ[PLACE] = str(made)
    return made


def once() -> None:
    """Let it be so in this process, which was started by one that began."""
    setattr(Binaries, "run", _run)  # noqa: B010


@contextlib.contextmanager
def anew() -> Generator[None]:
    """Let what is made within come from initdb itself."""
    global _copies  # noqa: PLW0603
    _copies = False
    try:
        yield
    finally:
        _copies = True


def _run(
    binaries: Binaries,
    tool: str,
    *arguments: str,
    cwd: Path,
    extra: Mapping[str, str] | None = None,
    timeout: float = 600,
) -> str:
    place = os.environ.get(PLACE)
    if not (_copies and place and tool == "initdb" and "--no-sync" in arguments):
        return _asked(binaries, tool, *arguments, cwd=cwd, extra=extra, timeout=timeout)
    *how, data = arguments
    asked = hashlib.sha256(repr((binaries, how)).encode()).hexdigest()[:16]
    made = Path(place, asked)
    if not made.is_dir():
        _asked(binaries, tool, *arguments, cwd=cwd, extra=extra, timeout=timeout)
        ours = made.with_name(f"{made.name}.{os.getpid()}")
        _copy(data, ours)
        try:
            ours.rename(made)
        except OSError:  # another worker was there first
            shutil.rmtree(ours)
    else:
        _copy(made, Path(data))
    return ""


def _copy(there: Path | str, here: Path) -> None:
    """Copy a directory with its rights and its owner."""
    subprocess.run(["cp", "-a", "--", str(there), str(here)], check=True)
