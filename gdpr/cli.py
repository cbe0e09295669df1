"""What only this room can be asked: to look ahead or again for one person. Requests go by reference, or own id."""

import sys
from getpass import getpass
from typing import Annotated

import typer

from lifecycle import progress, show
from lifecycle.cli_options import JsonOption, SystemOption, open_system
from lifecycle.commands import promises
from lifecycle.errors import InputError, Refused

app = typer.Typer(
    help="People who asked to be forgotten: who is due, what would go, do it, prove it.",
    no_args_is_help=True,
)


@app.command(context_settings={"allow_extra_args": True})
def plan(
    words: typer.Context,
    only: promises.OnlyArgument = None,
    person: Annotated[
        str | None,
        typer.Option(
            "--person",
            metavar="KEY",
            help="Any one person instead, who need not have asked: only show what an erasure would do. Better "
            "`--person -`, which reads the key from standard input or asks for it: what stands on a command line is "
            "seen by everybody on this machine in the list of processes, and stays in the shell's history.",
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="With --person: which kind of people, where the policy has several.",
        ),
    ] = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what would be done, each step with its reason, and the hash to apply exactly that."""
    see = "See `lifecycle gdpr plan --help`."
    if words.args:  # never repeated: a name with a space in it is a person's
        raise InputError("too many words", hint=see)
    if person is None:
        if kind is not None:
            raise InputError(
                "--kind says of which kind --person is, and is nothing without", hint=see
            )
        promises.show_plan("gdpr", only, system, as_json)
        return
    if only is not None:
        raise InputError("a plan is of one request or of one --person, not of both", hint=see)
    _foresee(_key(person), kind, system, as_json)


def _foresee(key: str, kind: str | None, system: str | None, as_json: bool) -> None:
    """Show what an erasure would do to one person. End with 4 where it would be refused."""
    from gdpr import foretell
    from gdpr.foresee import foresee

    seen = foresee(open_system(system), kind, key)
    if as_json:
        show.document("gdpr-person", foretell.document(seen))
        if seen.refusals:
            raise typer.Exit(Refused.exit_code)
        return
    for line in foretell.lines(seen):
        show.text(line)
    if seen.refusals:
        raise Refused(
            "an erasure of this person would be refused, for the reasons above",
            hint="Nothing was touched. Correct the policy or the data, and look again.",
        )


def _key(typed: str) -> str:
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
            hint="Give `--person` one key in one line, or `--person -` and the key on standard input.",
        )
    return typed


@app.command()
def verify(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="The request to look at.")],
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look again for a person who is being erased; of one who is, show when nothing was found."""
    from gdpr import verify as again
    from lifecycle.coverage import conclude

    show.outcome(conclude(again.verify(open_system(system), request)), as_json)
