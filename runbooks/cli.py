"""What a person can ask of the runbooks: `lifecycle runbooks list | show | run | resume | history`."""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lifecycle import clock, show
from lifecycle.cli_options import JsonOption, SystemOption, open_system
from runbooks.books import book, every

if TYPE_CHECKING:
    from lifecycle.system import System
    from runbooks.progress import Progress

app = typer.Typer(help="What the person on call follows, step by step.", no_args_is_help=True)

BookName = Annotated[
    str, typer.Argument(help="A runbook, from `lifecycle runbooks list`.", metavar="RUNBOOK")
]
AutoOption = Annotated[
    bool, typer.Option("--auto", help="Ask nobody; stop at the first expectation not met.")
]


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each thing that any book must be told, and hand what was said on as `about`."""
    options = {name: told for book in every().values() for name, told in book.about.items()}
    fields = {name.replace("-", "_"): name for name in options}

    @wraps(command)
    def asked(**given: Any) -> None:
        said = {fields[field]: given.pop(field) for field in fields if field in given}
        command(**given, about={name: value for name, value in said.items() if value is not None})

    own = signature(command, eval_str=True)
    kept = [parameter for name, parameter in own.parameters.items() if name != "about"]
    added = [
        Parameter(
            field,
            Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None, typer.Option(f"--{name}", help=options[name], metavar=name.upper())
            ],
        )
        for field, name in fields.items()
    ]
    whole = own.replace(parameters=[*kept, *added])
    asked.__annotations__ = {p.name: p.annotation for p in whole.parameters.values()}
    vars(asked)["__signature__"] = whole
    return asked


@app.command("list")
def list_books(as_json: JsonOption = False) -> None:
    """List the runbooks, each with what it must be told."""
    rows = [(book.name, book.options(), book.title) for book in every().values()]
    show.table("runbooks", ("name", "about", "when"), rows, as_json)


@app.command("show")
@asking
def show_book(name: BookName, about: dict[str, str], system: SystemOption = None) -> None:
    """Print a runbook as Markdown, with real values where it is told what it is about."""
    from runbooks import page

    found = book(name)
    facts = found.gather(open_system(system), found.told(about)) if about else found.general
    typer.echo(page.markdown(found, about, facts), nl=False)


@app.command("run")
@asking
def run_book(
    name: BookName, about: dict[str, str], auto: AutoOption = False, system: SystemOption = None
) -> None:
    """Walk through a runbook, step by step; the progress is kept."""
    from runbooks import progress

    found, at_hand = book(name), open_system(system)
    facts = found.kept(found.gather(at_hand, found.told(about)))
    _walk(progress.begin(at_hand, found.name, about, facts, clock.now()), auto=auto)


@app.command()
def resume(auto: AutoOption = False, system: SystemOption = None) -> None:
    """Go on with the newest runbook that was not walked to its end."""
    from runbooks import progress

    _walk(progress.newest_open(open_system(system)), auto=auto)


@app.command()
def history(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """List the walks through runbooks, the newest first, and how far they came."""
    rows = [
        (walk.begun, walk.book, _told(walk), walk.state, _last(walk))
        for walk in _history(open_system(system))
    ]
    show.table(
        "runbook history", ("begun", "runbook", "about", "state", "last step"), rows, as_json
    )


def _history(system: "System") -> "tuple[Progress, ...]":
    from runbooks import progress

    return progress.history(system)


def _told(walk: "Progress") -> str:
    return ", ".join(f"{name} {value}" for name, value in walk.about.items())


def _last(walk: "Progress") -> str:
    return f"{walk.entries[-1].step}: {walk.entries[-1].result}" if walk.entries else ""


def _walk(begun: "Progress", *, auto: bool) -> None:
    from runbooks import walk

    steps = book(begun.book).steps_of(begun.facts)
    if auto:
        walked = walk.unattended(begun, steps, show.text)
    else:
        walked = walk.attended(begun, steps, walk.Person(show.text, _ask))
    left = (
        []
        if walked.state == "done"
        else [s.id for s in steps if walked.result_of(s.id) not in walk.OVER]
    )
    show.text(f"\nLeft to a person: {', '.join(left)}." if left else "\nWalked to its end.")
    show.text(f"What was done when: {walked.file}")


def _ask(question: str) -> str:
    """Return what is typed. Raise Interrupted when nobody is there to type, or on Ctrl-C."""
    from lifecycle.errors import Interrupted

    try:
        return typer.prompt(question, prompt_suffix=" ")
    except typer.Abort:
        raise Interrupted(
            "stopped while a question was open",
            hint="`lifecycle runbooks resume` goes on from there.",
        ) from None
