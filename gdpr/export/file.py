"""A file of a person: for its owner alone, whole or not there, and never in the place of another.

It is written without a name, in the directory in which it will be, and gets its own when all of it is on the disk: of
an export that was killed the system itself keeps nothing. Who writes to a place holds a lock there, an empty file
beside it. Where a file system has no files without a name, it is written into that one, and what a killed export leaves
in it is taken over by the next one to the same place. No name of a file is in a message.
"""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Callable, Generator
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path

from lifecycle.errors import Conflict, LifecycleError, Refused

_TAKEN = "Nothing was written. Give another name, or move what is there."


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that has not got its name yet. `keep` gives it."""

    file: BufferedRandom
    keep: Callable[[], None]


def must_be_free(to: Path) -> None:
    """Raise Refused when something has this name, or there is no such directory."""
    if os.path.lexists(to):
        raise Refused("there is a file of this name already", hint=_TAKEN)
    if not to.parent.is_dir():
        raise Refused("there is no such directory", hint="Make it, for yourself alone: mode 700.")


@contextlib.contextmanager
def draft(to: Path) -> Generator[Draft]:
    """Give a file to write into, 0600; without `keep` nothing is left of it.

    Raise Refused when the name is taken by now, Conflict when another export writes to it, LifecycleError when the disk
    is full or cannot be written.
    """
    part = to.with_name(f".{to.name}.part")
    try:
        with _open(part) as lock:
            try:
                with _nameless(to.parent) or contextlib.nullcontext(lock) as file:
                    yield Draft(file, lambda: _name(file, part, to))
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise _explained(error) from None


def _open(part: Path) -> BufferedRandom:
    handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    file = os.fdopen(handle, "w+b")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise Conflict(
            "another export is writing to this name", hint="Wait for its end, or give another name."
        ) from None
    found = os.fstat(handle)
    if found.st_uid != os.geteuid() or found.st_nlink != 1 or not stat.S_ISREG(found.st_mode):
        file.close()
        raise Refused(
            "what an export would be written into is somebody else's",
            hint="Give a directory that nobody else can write to.",
        )
    os.fchmod(handle, 0o600)
    os.ftruncate(handle, 0)
    return file


def _nameless(directory: Path) -> BufferedRandom | None:
    """Return a file that is gone with whoever has it open; None where this file system makes none."""
    try:
        handle = os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            return None
        raise
    return os.fdopen(handle, "w+b")


def _name(file: BufferedRandom, part: Path, to: Path) -> None:
    """Give the file its name when all of it is on the disk. A link, as a rename would replace what is there."""
    file.flush()
    os.fsync(file.fileno())
    nameless = os.fstat(file.fileno()).st_nlink == 0
    directory = os.open(to.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # With a directory given Python asks `linkat`, which alone goes through /proc to the file itself.
        source = f"/proc/self/fd/{file.fileno()}" if nameless else part
        os.link(source, to, src_dir_fd=directory, follow_symlinks=True)
        part.unlink()
        os.fsync(directory)
    finally:
        os.close(directory)


def _explained(error: OSError) -> LifecycleError:
    if isinstance(error, FileExistsError):
        return Refused("there is a file of this name already", hint=_TAKEN)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return LifecycleError("the disk is full", hint="Nothing is left of the file. Make room.")
    return LifecycleError(
        f"the file cannot be written: {error.strerror}",
        hint="Nothing is left of it. Give a directory of this machine that you may write to.",
    )
