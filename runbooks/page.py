"""Renders a runbook as Markdown: what is read on a screen is what `runbooks run` does. Pure."""

import shlex
from collections.abc import Mapping

from runbooks.book import Book, Facts
from runbooks.step import Step

DOES = {
    "check": "only reads",
    "command": "changes something",
    "manual": "done by a person",
    "decision": "a person decides",
}


def markdown(book: Book[Facts], about: Mapping[str, str], facts: Facts) -> str:
    """Return the page, with commands to copy and with these facts in it."""
    typed = f"lifecycle runbooks run {book.name} {book.options(about)}".rstrip()
    head = (
        f"# {book.title}\n\nStep by step, with the progress kept: `{typed}`. "
        "After an interruption: `lifecycle runbooks resume`.\n"
    )
    steps = enumerate(book.steps(facts), start=1)
    return head + "".join(_step(number, step) for number, step in steps)


def command(step: Step) -> str:
    """Return a step's command as it is typed, empty where a person acts."""
    return shlex.join(("lifecycle", *step.words)) if step.words else ""


def _step(number: int, step: Step) -> str:
    typed = f"```console\n$ {command(step)}\n```\n\n" if step.words else ""
    return (
        f"\n## {number}. {step.title}\n\n*{DOES[step.kind]}*\n\n{step.why}\n\n{typed}"
        f"**Expect:** {step.expect}\n\n**Undo:** {step.undo}\n"
    )
