"""Reads a settings file."""

from pathlib import Path

from lifecycle.config.load import load
from lifecycle.settings.model import Settings


def settings(path: Path) -> Settings:
    """Return the settings in the file; relative paths in it count from its directory.

    Raise InputError with one mistake per line.
    """
    found, _ = load(path, Settings)
    return found.model_copy(update={"base": path.absolute().parent})
