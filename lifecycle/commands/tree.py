"""Which commands there are and where each lives; loads one when its name is used, so that `--help` comes at once."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

import typer
from typer.main import get_command, get_group

from lifecycle import rooms
from lifecycle.commands import promises


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A group or command that lives in another module, and what `--help` says of it before it is loaded."""

    module: str
    attribute: str
    help: str


def _charter(room: str) -> str:
    """Return the first sentence of a room's charter."""
    return " ".join((import_module(room).__doc__ or room).split("\n\n")[0].split())


_SCHEDULE = "lifecycle.commands.schedule"
_GROUND: dict[str, Elsewhere] = {
    "policy": Elsewhere("lifecycle.commands.policy", "app", "Check, show and draft policy files."),
    "daemon": Elsewhere(_SCHEDULE, "daemon", "Run every job at its time, until told to stop."),
    "worker": Elsewhere(_SCHEDULE, "worker", "Take waiting runs from the ledger, and plan none."),
    "run": Elsewhere(_SCHEDULE, "run", "Run one job now, or a slot of it that nobody ran."),
    "schedule": Elsewhere(_SCHEDULE, "schedule_app", "When each job runs: list, preview, pause."),
    "runs": Elsewhere(_SCHEDULE, "runs_app", "What has run: list, show, cancel, resume."),
}


def elsewhere() -> dict[str, Elsewhere]:
    """Return every command that lives in another module, the rooms' groups by their short names."""
    of_rooms = {
        room.rpartition(".")[2]: Elsewhere(f"{room}.cli", "app", _charter(room))
        for room in rooms.ROOMS
        if promises.keeps_one(room) or find_spec(f"{room}.cli") is not None
    }
    policy, *others = _GROUND.items()
    return dict([policy]) | of_rooms | dict(others)


def load(name: str) -> Any:
    """Import the group or command `name` and return it."""
    where = elsewhere()[name]
    found = _found(name, where)
    if isinstance(found, typer.Typer):
        group = get_group(found)
        group.name = name
        return _plain(group)
    single = typer.Typer(add_completion=False)
    single.command(name)(cast("Callable[..., Any]", found))
    return _plain(get_command(single))


def _found(name: str, where: Elsewhere) -> Any:
    """Return the group or function itself; a room that keeps a promise has `status`, `plan` and `apply` in it."""
    room = next((room for room in rooms.ROOMS if room.rpartition(".")[2] == name), None)
    if room is None:
        return getattr(import_module(where.module), where.attribute)
    if find_spec(where.module) is None:
        group = typer.Typer(help=where.help, no_args_is_help=True)
    else:
        group = getattr(import_module(where.module), where.attribute)
    if promises.keeps_one(room):
        promises.add(group, room)
    return group


def _plain(command: Any) -> Any:
    """Turn off typer's boxes and colours, for this command and all below it: help is text."""
    command.rich_markup_mode = None
    for below in getattr(command, "commands", {}).values():
        _plain(below)
    return command
