"""What every command shares: which settings, which system, people or machines as readers.

`--settings`, `--system` and `--json` may stand before the command or after it; `open_system` is how a command
gets its system. Imports nothing slow, so that each room's commands appear in `--help` at once.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lifecycle.errors import InputError, NotFound

if TYPE_CHECKING:
    from lifecycle.settings import Settings
    from lifecycle.system import System

PLACES = (Path("lifecycle.yaml"), Path("/etc/lifecycle/lifecycle.yaml"))
"""Where the settings are looked for when neither `--settings` nor LIFECYCLE_SETTINGS names a file."""


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


def settings_file() -> Path:
    """Return the settings file of this process. Raise InputError when there is none."""
    named = os.environ.get("LIFECYCLE_SETTINGS")
    for place in (Path(named),) if named else PLACES:
        if place.is_file():
            return place.absolute()
    if named:
        raise InputError(
            f"the settings file {named} does not exist",
            hint="Correct `--settings FILE` or the variable LIFECYCLE_SETTINGS.",
        )
    raise InputError(
        f"no settings file: neither {' nor '.join(map(str, PLACES))} exists",
        hint="Name one with `--settings FILE` or LIFECYCLE_SETTINGS; the README shows the shortest that works.",
    )


def open_settings() -> "Settings":
    """Return the settings of this process. Raise InputError with every mistake in the file."""
    from lifecycle import log
    from lifecycle.policy import load

    log.configure()
    return load.settings(settings_file())


def open_system(name: str | None) -> "System":
    """Return the system called `name`, or the only one. Nothing is connected yet.

    Raise InputError when a file is wrong or a name is needed, NotFound when no system is called so.
    """
    settings = open_settings()
    wanted = name or chosen.system
    if wanted is None:
        if len(settings.systems) > 1:
            raise InputError(
                "the settings have several systems, and none was named",
                hint=f"Add `--system NAME`: {', '.join(sorted(settings.systems))}.",
            )
        wanted = next(iter(settings.systems))
    if wanted not in settings.systems:
        raise NotFound(
            f"no system is called {wanted!r}",
            hint=f"Systems in the settings are: {', '.join(sorted(settings.systems))}.",
        )
    return system_of(settings, wanted)


def open_systems() -> "tuple[System, ...]":
    """Return every system of the settings, or the one chosen with `--system`. Raise as `open_system`."""
    if chosen.system is not None:
        return (open_system(chosen.system),)
    settings = open_settings()
    return tuple(system_of(settings, name) for name in settings.systems)


def system_of(settings: "Settings", name: str) -> "System":
    """Return one system of the settings with its policy. Raise InputError when that file is wrong."""
    from lifecycle.policy import load
    from lifecycle.system import System

    own = settings.systems[name]
    path = settings.path(own.policy)
    policy, digest = load.policy(path)
    if policy.system != name:
        raise InputError(
            f"the settings call a system {name!r}, and its policy {path} is written for {policy.system!r}",
            hint="Give both the same name, or point `policy:` at the right file.",
        )
    return System(policy, digest, own, settings)
