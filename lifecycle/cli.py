"""The command line: one word per verb, the group is the room's name, every refusal with a hint and its exit code.

Knows the commands' names and where each lives; a command's own module is imported when its name is used, so
that `lifecycle --help` comes at once. `main` is the one place where an error becomes words and an exit code.
"""

import io
import json
import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer._click.exceptions import (  # typer keeps its parser here  # pyright: ignore[reportPrivateUsage]
    NoArgsIsHelpError,
    UsageError,
)
from typer.core import TyperGroup

from lifecycle import __version__, progress, unexpected
from lifecycle.cli_options import JsonOption, SystemOption, choose_settings, chosen
from lifecycle.commands import tree
from lifecycle.errors import InputError, Interrupted, LifecycleError
from lifecycle.words import choices

RESTORE_COMMAND, ABSENT = "wal-fetch", 74
"""PostgreSQL's, of the backups, and the code by which it says that the archive has no such file."""


class Commands(TyperGroup):
    """The top of the command tree. Lists every command, and loads one when its name is used."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of `--help`."""
        return [*super().list_commands(ctx), *tree.elsewhere()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; of one that lives elsewhere only its name and help line."""
        if (found := tree.elsewhere().get(cmd_name)) is not None:
            return TyperGroup(name=cmd_name, help=found.help)
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the words name, loaded."""
        if args[0] in tree.elsewhere():
            return args[0], tree.load(args[0]), args[1:]
        names = self.list_commands(ctx)
        if args[0] not in names and not ctx.resilient_parsing:
            raise InputError(
                f"no such command {args[0]!r}", hint=choices(args[0], names, "Commands are")
            )
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the words. Raise Interrupted on Ctrl-C: their callbacks load what takes a moment."""
        with _ctrl_c_in_words():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Carry out the command. Raise Interrupted on Ctrl-C."""
        with _ctrl_c_in_words():
            return super().invoke(ctx)


@contextmanager
def _ctrl_c_in_words() -> Generator[None]:
    """Raise Interrupted on Ctrl-C, before typer makes an exit code of its own of it."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise _interrupted() from error


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
    system: Annotated[
        str,
        typer.Option("--system", metavar="NAME", help="Which of the systems that come with us."),
    ] = "vitalis",
) -> None:
    """Show a day's work on a sample system: a private PostgreSQL, S3 and Stripe, and the real daemon."""
    from lifecycle import demo as day

    with progress.paused():  # it says itself what it does
        day.main(system, go_on=go_on, stay=keep, seed=seed)


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
    """Carry out a command line and return its exit code. Raise nothing.

    PostgreSQL takes every code from 1 to 125 of its `restore_command` for the end of the log, and opens the server
    there: a mistyped option, too. Of that command only what it says itself, with ABSENT, is such an end.
    """
    ended = _carry_out(words)
    return ended if RESTORE_COMMAND not in words else {0: 0, ABSENT: 1}.get(ended, 255)


def _carry_out(words: list[str]) -> int:
    chosen.as_json = "--json" in words  # known before a mistake in the words themselves is reported
    try:
        signal.pthread_sigmask(
            signal.SIG_UNBLOCK, {signal.SIGINT}
        )  # `__main__` holds it back while we are loaded
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
