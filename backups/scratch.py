"""Knows the directories in which dumps are made and restored, and the servers beside them: never left behind.

They hold people's data.
"""

import shutil
from contextlib import AbstractContextManager
from pathlib import Path

from lifecycle import scratch
from lifecycle.errors import Refused
from lifecycle.postgres.server import Binaries
from lifecycle.settings.model import Settings

PREFIX = "lifecycle-scratch-"


def directory(settings: Settings) -> AbstractContextManager[Path]:
    """Give a private, empty directory and remove it at the end. Raise Refused when none can be made."""
    return scratch.directory(settings, PREFIX)


def sweep(settings: Settings, binaries: Binaries) -> int:
    """Remove what killed runs left behind and return how many directories that were."""
    return scratch.sweep(settings, PREFIX, binaries)


def must_fit(ours: Path, needed: int) -> None:
    """Raise Refused unless `needed` bytes are free where this directory lies."""
    free = shutil.disk_usage(ours).free
    if free < needed:
        raise Refused(
            f"{needed:,} bytes are needed in {ours.parent} and {free:,} are free",
            hint="Free space, or name a directory on a larger disk under `scratch:` in the settings.",
        )
