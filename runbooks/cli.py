"""What a person can ask of the runbooks: `lifecycle runbooks list | show | run | resume | history`."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lifecycle import clock, show
from lifecycle import progress as waiting
from lifecycle.cli_options import JsonOption, SystemOption, open_system
from lifecycle.errors import InputError, Interrupted
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
def show_book(
    name: BookName,
    about: dict[str, str],
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a runbook as Markdown, with real values where it is told what it is about."""
    from runbooks import page

    found = book(name)
    facts = found.gather(open_system(system), found.told(about)) if about else found.general
    said = page.markdown(found, about, facts)
    if as_json:
        show.document("runbook", {"name": found.name, "title": found.title, "markdown": said})
    else:
        show.text(said.rstrip())


@app.command("run")
@asking
def run_book(
    name: BookName,
    about: dict[str, str],
    auto: AutoOption = False,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Walk through a runbook, step by step; the progress is kept."""
    from runbooks import progress

    _must_ask_nobody(auto=auto, as_json=as_json)
    found, at_hand = book(name), open_system(system)
    facts = found.kept(found.gather(at_hand, found.told(about)))
    begun = progress.begin(at_hand, found.name, about, facts, clock.now())
    _walk(begun, auto=auto, as_json=as_json)


@app.command()
def resume(
    auto: AutoOption = False, system: SystemOption = None, as_json: JsonOption = False
) -> None:
    """Go on with the newest runbook that was not walked to its end."""
    from runbooks import progress

    _must_ask_nobody(auto=auto, as_json=as_json)
    _walk(progress.newest_open(open_system(system)), auto=auto, as_json=as_json)


@app.command()
def history(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """List the walks through runbooks, the newest first, and how far they came."""
    rows = [
        (datetime.fromisoformat(walk.begun), walk.book, _told(walk), walk.state, _last(walk))
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


def _must_ask_nobody(*, auto: bool, as_json: bool) -> None:
    if as_json and not auto:
        raise InputError(
            "a walk with a person asks questions, which no JSON document can",
            hint="Add `--auto`, or leave `--json` out.",
        )


def _walk(begun: "Progress", *, auto: bool, as_json: bool) -> None:
    from runbooks import walk

    say = _unheard if as_json else show.text
    steps = book(begun.book).steps_of(begun.facts)
    walked = (
        walk.unattended(begun, steps, say)
        if auto
        else walk.attended(begun, steps, walk.Person(say, _ask))
    )
    left = (
        []
        if walked.state == "done"
        else [s.id for s in steps if walked.result_of(s.id) not in walk.OVER]
    )
    if as_json:
        show.document("walk", {"state": walked.state, "left": left, "file": str(walked.file)})
        return
    show.text(f"\nLeft to a person: {', '.join(left)}." if left else "\nWalked to its end.")
    show.text(f"What was done when: {walked.file}")


def _unheard(line: str) -> None:
    """Say nothing: what was done stands in the file of the walk."""


def _ask(question: str) -> str:
    """Return what is typed. Raise Interrupted when nobody is there to type, or on Ctrl-C."""
    try:
        with waiting.paused():
            return typer.prompt(question, prompt_suffix=" ")
    except typer.Abort:
        raise Interrupted(
            "stopped while a question was open",
            hint="`lifecycle runbooks resume` goes on from there.",
        ) from None
