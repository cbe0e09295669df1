"""Renders a runbook as Markdown: what is read on a screen is what `runbooks run` does. Pure."""

import shlex
from collections.abc import Sequence

from runbooks.step import Step

DOES = {
    "check": "only reads",
    "command": "changes something",
    "manual": "done by a person",
    "decision": "a person decides",
}


def markdown(title: str, name: str, run: str, steps: Sequence[Step]) -> str:
    """Return the page, with commands to copy."""
    head = (
        f"# {title}\n\n"
        f"Step by step, with the progress kept: `lifecycle runbooks run {name} --run {run}`. "
        "After an interruption: `lifecycle runbooks resume`.\n"
    )
    return head + "".join(_step(number, step) for number, step in enumerate(steps, start=1))


def command(step: Step) -> str:
    """Return a step's command as it is typed, empty where a person acts."""
    return shlex.join(("lifecycle", *step.words)) if step.words else ""


def _step(number: int, step: Step) -> str:
    typed = f"```console\n$ {command(step)}\n```\n\n" if step.words else ""
    return (
        f"\n## {number}. {step.title}\n\n*{DOES[step.kind]}*\n\n{step.why}\n\n{typed}"
        f"**Expect:** {step.expect}\n\n**Undo:** {step.undo}\n"
    )
