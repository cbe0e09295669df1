"""What a person can ask of the runbooks: `lifecycle runbooks list | show | run | resume | history`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lifecycle import clock, show
from lifecycle.cli_options import JsonOption, SystemOption, open_system

if TYPE_CHECKING:
    from lifecycle.system import System
    from runbooks.progress import Progress

app = typer.Typer(help="What the person on call follows, step by step.", no_args_is_help=True)

BookName = Annotated[
    str, typer.Argument(help="A runbook, from `lifecycle runbooks list`.", metavar="RUNBOOK")
]
RunId = Annotated[
    int, typer.Option("--run", help="The run it is about, from `lifecycle runs list`.")
]
AutoOption = Annotated[
    bool, typer.Option("--auto", help="Ask nobody; stop at the first expectation not met.")
]


@app.command("list")
def list_books(as_json: JsonOption = False) -> None:
    """List the runbooks."""
    from runbooks.books import BOOKS

    rows = [(book.name, book.title) for book in BOOKS.values()]
    show.table("runbooks", ("name", "when"), rows, as_json)


@app.command("show")
def show_book(
    name: BookName,
    run: Annotated[
        int | None, typer.Option("--run", help="Write the values of this run into it.")
    ] = None,
    system: SystemOption = None,
) -> None:
    """Print a runbook as Markdown, with the real values of a run where one is named."""
    from runbooks import page, run_failed
    from runbooks.books import book

    found = book(name)
    facts = run_failed.GENERAL if run is None else run_failed.facts(open_system(system), run)
    steps = run_failed.steps(facts)
    typer.echo(page.markdown(found.title, found.name, facts.run, steps), nl=False)


@app.command("run")
def run_book(
    name: BookName, run: RunId, auto: AutoOption = False, system: SystemOption = None
) -> None:
    """Walk through a runbook, step by step; the progress is kept."""
    from runbooks import progress, run_failed
    from runbooks.books import book

    at_hand, found = open_system(system), book(name)
    facts = run_failed.facts(at_hand, run)
    _walk(progress.begin(at_hand, found.name, asdict(facts), clock.now()), auto=auto)


@app.command()
def resume(auto: AutoOption = False, system: SystemOption = None) -> None:
    """Go on with the newest runbook that was not walked to its end."""
    from runbooks import progress

    _walk(progress.newest_open(open_system(system)), auto=auto)


@app.command()
def history(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """List the walks through runbooks, the newest first, and how far they came."""
    rows = [
        (walk.begun, walk.book, walk.facts["run"], walk.state, _last(walk))
        for walk in _history(open_system(system))
    ]
    show.table("runbook history", ("begun", "runbook", "run", "state", "last step"), rows, as_json)


def _history(system: "System") -> "tuple[Progress, ...]":
    from runbooks import progress

    return progress.history(system)


def _last(walk: "Progress") -> str:
    return f"{walk.entries[-1].step}: {walk.entries[-1].result}" if walk.entries else ""


def _walk(begun: "Progress", *, auto: bool) -> None:
    from runbooks import run_failed, walk

    steps = run_failed.steps(run_failed.Facts(**begun.facts))
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
