"""A room that the product does not know, brought in from a folder of its own."""

import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lifecycle import rooms
from lifecycle.policy import whole

NAME = "lockers"


@contextmanager
def brought(directory: Path) -> Generator[str]:
    """Copy the room into `directory`, open it to the product, and take it out again. Yields its name."""
    shutil.copytree(Path(__file__).parent / NAME, directory / NAME)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(directory), *sys.path])
        patch.setattr(rooms, "ROOMS", (*rooms.ROOMS, NAME))
        try:
            yield NAME
        finally:
            for module in [m for m in sys.modules if m.partition(".")[0] == NAME]:
                del sys.modules[module]
            # Remembered by the names of the rooms: the next copy of this one has the same name and is another.
            whole._sections.cache_clear()  # pyright: ignore[reportPrivateUsage]
            whole._model.cache_clear()  # pyright: ignore[reportPrivateUsage]
