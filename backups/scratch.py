"""Knows the directories in which dumps are made and restored, and the servers beside them: never left behind.

They hold people's data.
"""

import contextlib
import shutil
from collections.abc import Generator
from contextlib import AbstractContextManager
from pathlib import Path

from lifecycle import scratch
from lifecycle.errors import Refused
from lifecycle.postgres.server import Binaries, Cluster
from lifecycle.settings.model import Settings

PREFIX = "lifecycle-scratch-"
CLUSTER = ".cluster"  # beside the directory, as the server's account may not enter what is ours


def directory(settings: Settings) -> AbstractContextManager[Path]:
    """Give a private, empty directory and remove it at the end. Raise Refused when none can be made."""
    return scratch.directory(settings, PREFIX)


@contextlib.contextmanager
def cluster(ours: Path, binaries: Binaries) -> Generator[Cluster]:
    """Give a running private server beside our directory and remove it at the end. Raise as `Cluster` does."""
    made = Cluster(beside(ours), binaries)
    try:
        Cluster.create(made.directory, binaries, fast=True)
        # Nothing that came with the data may act: no archiving, no workers, no network.
        made.start(
            settings={
                "archive_mode": "off",
                "log_line_prefix": "%e ",  # `restore.py` reads by which error it was stopped
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


def sweep(settings: Settings, binaries: Binaries) -> int:
    """Remove what killed runs left behind and return how many directories that were."""
    swept = 0
    for left in scratch.left_behind(settings, PREFIX):
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


def must_fit(ours: Path, needed: int) -> None:
    """Raise Refused unless `needed` bytes are free where this directory lies."""
    free = shutil.disk_usage(ours).free
    if free < needed:
        raise Refused(
            f"{needed:,} bytes are needed in {ours.parent} and {free:,} are free",
            hint="Free space, or name a directory on a larger disk under `scratch:` in the settings.",
        )
