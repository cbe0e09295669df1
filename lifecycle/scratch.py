"""Knows the directories in which a run works on this machine's disk, and the servers beside them: never left behind.

Each is private, 0700, and locked for as long as its process lives, so that the next run can tell what a killed one left
behind from what is in use, and remove it.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

from lifecycle.errors import Refused
from lifecycle.postgres.server import Binaries, Cluster, find_binaries
from lifecycle.settings.model import Settings

CLUSTER = ".cluster"  # beside the directory, as the server's account may not enter what is ours


def base(settings: Settings) -> Path:
    """Return the directory below which scratch directories are made."""
    return settings.path(settings.scratch) if settings.scratch else Path(tempfile.gettempdir())


def programs(settings: Settings, *, at_least: int = 15, at_most: int = 18) -> Binaries:
    """Return PostgreSQL's programs of these major versions, from where the settings say. Raise as `find_binaries`."""
    named = settings.postgres_binaries
    place = settings.path(named) if named else None
    return find_binaries(place, at_least=at_least, at_most=at_most)


@contextlib.contextmanager
def directory(settings: Settings, prefix: str) -> Generator[Path]:
    """Give a private, empty directory and remove it at the end. Raise Refused when none can be made."""
    try:
        base(settings).mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=".lifecycle-new-", dir=base(settings)))  # 0700
    except OSError as error:
        raise Refused(
            f"no scratch directory can be made in {base(settings)}: {error.strerror}",
            hint="Name another directory under `scratch:` in the settings.",
        ) from None
    handle = os.open(new, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Locked before it gets its name, or another run might take it for a leftover.
        fcntl.flock(handle, fcntl.LOCK_EX)
        ours = new.rename(
            new.with_name(f"{prefix}{os.getpid()}{new.name.removeprefix('.lifecycle-new')}")
        )
        try:
            yield ours
        finally:
            shutil.rmtree(ours)
    finally:
        os.close(handle)


def left_behind(settings: Settings, prefix: str) -> Iterator[Path]:
    """Yield each directory of ours whose run was killed, locked until the next is asked for."""
    for left in sorted(base(settings).glob(f"{prefix}*")):
        try:
            if left.is_symlink() or left.lstat().st_uid != os.geteuid():
                continue
            handle = os.open(left, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # it went with the one before, or another run swept it
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield left
        except BlockingIOError:
            continue  # its run is alive
        finally:
            os.close(handle)


@contextlib.contextmanager
def cluster(ours: Path, binaries: Binaries, superuser: str = "postgres") -> Generator[Cluster]:
    """Give a running private server beside our directory and remove it at the end. Raise as `Cluster` does."""
    made = Cluster(beside(ours), binaries, superuser)
    try:
        Cluster.create(made.directory, binaries, fast=True, superuser=superuser)
        # Nothing that came with the data may act: no archiving, no workers, no network.
        made.start(
            settings={
                "archive_mode": "off",
                "autovacuum": "off",  # it would be stopped by locks, and its errors taken for a restore's
                "log_line_prefix": "%e ",  # whoever restores reads by which error it was stopped
                "max_logical_replication_workers": "0",
                "max_locks_per_transaction": "1024",
            }
        )
        yield made
    finally:
        made.destroy()


def beside(ours: Path) -> Path:
    """Return where the scratch server of a scratch directory lies."""
    return ours.with_name(ours.name + CLUSTER)


def sweep(settings: Settings, prefix: str, binaries: Binaries) -> int:
    """Remove what killed runs left behind, with their servers, and return how many directories that were."""
    swept = 0
    for left in left_behind(settings, prefix):
        if not left.name.endswith(CLUSTER):  # which goes with what it lies beside
            _remove(left, binaries)
            swept += 1
    return swept


def _remove(left: Path, binaries: Binaries) -> None:
    remains = beside(left)
    if (remains / "data").is_dir():
        Cluster(remains, binaries).destroy()
    elif remains.is_dir():  # killed within initdb
        shutil.rmtree(remains)
    shutil.rmtree(left)
