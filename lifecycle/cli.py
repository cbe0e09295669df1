"""The command line: one word per verb, the group is the room's name, every refusal with a hint and its exit code.

Knows the commands' names and where each lives; a command's own module is imported when its name is used, so
that `lifecycle --help` comes at once. `main` is the one place where an error becomes words and an exit code.
"""

import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer._click.exceptions import (  # typer keeps its parser here  # pyright: ignore[reportPrivateUsage]
    NoArgsIsHelpError,
    UsageError,
)
from typer.core import TyperGroup
from typer.main import get_command, get_group

from lifecycle import __version__, progress, rooms, unexpected
from lifecycle.cli_options import JsonOption, SystemOption, choose_settings, chosen
from lifecycle.commands import promises
from lifecycle.errors import InputError, Interrupted, LifecycleError
from lifecycle.words import choices


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


class Commands(TyperGroup):
    """The top of the command tree. Lists every command, and loads one when its name is used."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of `--help`."""
        return [*super().list_commands(ctx), *elsewhere()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; of one that lives elsewhere only its name and help line."""
        if (found := elsewhere().get(cmd_name)) is not None:
            return TyperGroup(name=cmd_name, help=found.help)
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the words name, loaded."""
        if args[0] in elsewhere():
            return args[0], load(args[0]), args[1:]
        names = self.list_commands(ctx)
        if args[0] not in names and not ctx.resilient_parsing:
            raise InputError(
                f"no such command {args[0]!r}", hint=choices(args[0], names, "Commands are")
            )
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Carry out the command. Raise Interrupted on Ctrl-C, before typer makes an exit code of its own of it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _interrupted() from error


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


app = typer.Typer(
    cls=Commands,
    name="lifecycle",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Keeps a health company's promises about its PostgreSQL data: partitions, retention, proven backups, "
    "erasure, audit.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lifecycle {__version__}")
        raise typer.Exit


def _debug(wanted: bool) -> None:
    chosen.debug = wanted or chosen.debug


@app.callback()
def top(
    system: SystemOption = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            metavar="FILE",
            callback=choose_settings,
            help="The settings file; else LIFECYCLE_SETTINGS, ./lifecycle.yaml, /etc/lifecycle/lifecycle.yaml.",
        ),
    ] = None,
    as_json: JsonOption = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", callback=_debug, help="Show where an error came from; may quote values."
        ),
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before the command; their callbacks have kept them."""


@app.command()
def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything running until Ctrl-C.")
    ] = False,
    go_on: Annotated[
        bool, typer.Option("--continue", help="Go on with what an earlier demo left.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Which sample data to make.")] = 1,
) -> None:
    """Show a day's work on a sample system: a private PostgreSQL, S3 and Stripe, and the real daemon."""
    from lifecycle import demo as day

    with progress.paused():  # it says itself what it does
        day.main(go_on=go_on, stay=keep, seed=seed)


@app.command()
def init(
    system: SystemOption = None,
    as_json: JsonOption = False,
    dsn: Annotated[
        str | None,
        typer.Option(
            "--dsn",
            metavar="DSN",
            help="An administrator's connection, without a password; else LIFECYCLE_ADMIN_DSN.",
        ),
    ] = None,
    print_sql: Annotated[
        bool,
        typer.Option(
            "--print-sql", help="Change nothing; print the SQL for an administrator to run."
        ),
    ] = False,
) -> None:
    """Make the schema `lifecycle` and the service's role, with the rights that the policy needs and no others."""
    from lifecycle.admin import init as initialise

    initialise.carry_out(system, dsn, print_sql=print_sql, as_json=as_json)


@app.command()
def doctor(as_json: JsonOption = False, system: SystemOption = None) -> None:
    """Say what is wrong with this installation, why it matters and how to mend it, before the night does."""
    from lifecycle.admin import doctor as examine

    examine.show_findings(system, as_json)


@app.command()
def check(
    as_json: JsonOption = False,
    system: SystemOption = None,
    nagios: Annotated[
        bool, typer.Option("--nagios", help="One line with figures, and exit codes 0, 1, 2, 3.")
    ] = False,
) -> None:
    """Compare each job's last success with how often it should succeed."""
    from lifecycle.commands import check as checked

    checked.show_jobs(system, as_json, nagios=nagios)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    if isinstance(sys.stdout.buffer, io.RawIOBase):
        # PYTHONUNBUFFERED, usual in containers: Python would lose, unsaid, what a full disk did not take.
        sys.stdout = open(sys.stdout.fileno(), "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.exit(carry_out(sys.argv[1:]))


def carry_out(words: list[str]) -> int:
    """Carry out a command line and return its exit code. Raise nothing."""
    chosen.as_json = "--json" in words  # known before a mistake in the words themselves is reported
    try:
        with progress.shown():
            ended = cast("Any", app)(args=words, prog_name="lifecycle", standalone_mode=False)
        sys.stdout.flush()
        return ended if isinstance(ended, int) else 0
    except UsageError as error:
        return _usage(error)
    except BrokenPipeError:  # nobody reads on: `| head`
        _drop_output()
        return 1
    except (KeyboardInterrupt, typer.Abort):
        return _report(_interrupted())
    except Exception as error:  # noqa: BLE001 - the end of the process: whatever it is becomes words
        if isinstance(error, OSError):
            _drop_output()
        return _report(unexpected.explain(error), error)


def _drop_output() -> None:
    """Let nothing more be written: the rest of a buffer would fail once more, and loudly, at the very end."""
    chosen.as_json = False  # what is to be said goes to standard error
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupted() -> Interrupted:
    return Interrupted(
        "stopped; nothing is half-done", hint="Run the command again to go on where it stopped."
    )


def _usage(error: UsageError) -> int:
    if isinstance(error, NoArgsIsHelpError):  # a group without a command: the help is the answer
        sys.stderr.write(f"{error.format_message()}\n")
        return error.exit_code
    from lifecycle import mistyped

    return _report(mistyped.explain(error))


def _report(error: LifecycleError, cause: BaseException | None = None) -> int:
    """Say what is wrong and what to do, and return the exit code."""
    if chosen.debug:
        sys.stderr.write(unexpected.story(cause or error))
    if chosen.as_json:
        document = {"error": error.what, "hint": error.hint, "exit_code": error.exit_code}
        sys.stdout.write(json.dumps(document) + "\n")
    else:
        sys.stderr.write(f"error: {error.what}\nhint: {error.hint}\n")
    return error.exit_code


if __name__ == "__main__":
    main()
