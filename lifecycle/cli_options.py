"""What every command shares: which settings, which system, people or machines as readers.

`--settings`, `--system` and `--json` may stand before the command or after it; `open_system` is how a command
gets its system. Imports nothing slow, so that each room's commands appear in `--help` at once.
"""

import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lifecycle import progress
from lifecycle.errors import InputError

if TYPE_CHECKING:
    from lifecycle.settings.model import Settings
    from lifecycle.system import System


@dataclass(slots=True)
class Chosen:
    """What was said on the command line so far. One per process, filled while the words are read."""

    system: str | None = None
    as_json: bool = False
    debug: bool = False


chosen = Chosen()


def _system(value: str | None) -> str | None:
    chosen.system = value or chosen.system
    return chosen.system


def _json(value: bool) -> bool:
    chosen.as_json = value or chosen.as_json
    return chosen.as_json


def choose_settings(file: Path | None) -> Path | None:
    """Take `file` as the settings of this process and of every process it starts."""
    if file is not None:
        os.environ["LIFECYCLE_SETTINGS"] = str(file.absolute())
    return file


SystemOption = Annotated[
    str | None,
    typer.Option(
        "--system",
        help="The system, by its name in the settings; not needed where there is only one.",
        envvar="LIFECYCLE_SYSTEM",
        show_envvar=False,
        callback=_system,
        metavar="NAME",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document.", callback=_json)
]
By = Annotated[str, typer.Option(help="Who says so: a name, or the number of a case.")]


def instant(text: str, zone: tzinfo | None = None) -> datetime:
    """Return the moment that `text` names, in UTC. One without a zone is of `zone`. Raise InputError."""
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo else found.replace(tzinfo=zone)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
        what = f"{text!r} has no zone"
    except (ValueError, OverflowError):
        what = f"{text!r} is not an instant"
    raise InputError(what, hint="Write it with its zone, like 2026-11-21T02:00:00Z.")


def open_settings() -> "Settings":
    """Return the settings of this process, and log as they want. Raise InputError with every mistake."""
    from lifecycle import log, settings_file

    log.configure()
    return settings_file.settings_from(None)


def open_system(name: str | None) -> "System":
    """Return the system called `name`, or the only one. Nothing is connected yet.

    Raise InputError when a file is wrong or a name is needed, NotFound when no system is called so.
    """
    from lifecycle import settings_file

    return settings_file.open(open_settings(), name or chosen.system)


def open_systems() -> "tuple[System, ...]":
    """Return every system of the settings, or the one chosen with `--system`. Raise as `open_system`."""
    from lifecycle import settings_file

    if chosen.system is not None:
        return (open_system(chosen.system),)
    settings = open_settings()
    return tuple(settings_file.open(settings, name) for name in settings.systems)


def typed_key(typed: str, where: str) -> str:
    """Return the person's key, read from standard input where a dash stands for it. Raise InputError without it."""
    if typed == "-":
        try:
            with progress.paused():
                typed = getpass("key of the person: ") if sys.stdin.isatty() else sys.stdin.read()
        except (UnicodeDecodeError, EOFError):
            typed = ""
    typed = typed.strip()
    if not typed or not typed.isprintable():
        raise InputError(
            "no key of a person was given",
            hint=f"Give one key in one line as {where}, or `-` there and the key on standard input.",
        )
    return typed
