"""Prints plans, outcomes and tables: for people as text, for machines as one JSON document.

The only module besides `cli.py` that writes to standard output. Never decides anything but the exit code that
an outcome's verdict stands for.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from enum import Enum

import typer

from lifecycle.errors import LifecycleError, Unproven
from lifecycle.outcome import Outcome, Verdict
from lifecycle.plan import Plan, Step

EXIT_CODES = {
    Verdict.FAIL: LifecycleError.exit_code,
    Verdict.UNVERIFIED: Unproven.exit_code,
}
"""What a command ends with when the run it showed did not pass."""


def plan(plan: Plan[Step], as_json: bool) -> None:
    """Print what would be done, each step with its reason and cost, and the hash to apply it by."""
    if as_json:
        steps = [asdict(step) for step in plan.steps]
        document("plan", asdict(plan) | {"hash": plan.hash, "steps": steps})
        return
    rows = [
        (number, step.verb, step.target, step.reason, step.cost)
        for number, step in enumerate(plan.steps, start=1)
    ]
    if rows:
        _print_table(
            f"{plan.room} plan for {plan.system}", ("#", "do", "to", "because", "cost"), rows
        )
    else:
        text(f"{plan.room} plan for {plan.system}: nothing to do.")
    for note in plan.notes:
        text(f"note: {note}")
    for name, fact in plan.facts.items():
        text(f"{name}: {fact}")
    if rows:
        text(f"\nTo carry out exactly this: lifecycle {plan.room} apply {plan.hash}")


def outcome(outcome: Outcome, as_json: bool) -> None:
    """Print what a run found. End with exit code 1 when it failed, 9 when it could not be verified."""
    if as_json:
        document("outcome", asdict(outcome))
    else:
        text(f"{outcome.verdict.value}: {outcome.summary}")
        for name, count in outcome.counts.items():
            text(f"  {name}: {count:,}")
        for failure in outcome.failures:
            text(f"  failed: {failure.target}: {failure.what}")
            text(f"    hint: {failure.hint}")
    if outcome.verdict in EXIT_CODES:
        raise typer.Exit(EXIT_CODES[outcome.verdict])


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], as_json: bool
) -> None:
    """Print rows under a title. In JSON each row is an object with the columns' names as keys."""
    found = [tuple(row) for row in rows]
    if as_json:
        keys = [column.replace(" ", "_") for column in columns]
        document(
            "table",
            {"title": title, "rows": [dict(zip(keys, row, strict=True)) for row in found]},
        )
    elif found:
        _print_table(title, columns, found)
    else:
        text(f"{title}: none.")


def done(words: str, as_json: bool) -> None:
    """Print that a small thing was done, in one sentence."""
    if as_json:
        document("done", {"done": words})
    else:
        text(words)


def document(kind: str, content: Mapping[str, object]) -> None:
    """Print one JSON document of schema `lifecycle.<kind>.v1`."""
    whole = {"schema": f"lifecycle.{kind}.v1"} | dict(content)
    sys.stdout.write(json.dumps(whole, default=_plain, ensure_ascii=False, indent=2) + "\n")


def text(line: str) -> None:
    """Print a line for a person."""
    sys.stdout.write(_harmless(line) + "\n")


def cell(value: object) -> str:
    """Return a value as people read it: times in UTC to the second, numbers grouped, nothing as `-`."""
    match value:
        case None | "":
            words = "-"
        case bool():
            words = "yes" if value else "no"
        case int():
            words = f"{value:,}"
        case float():
            words = f"{value:,.1f}"
        case datetime():
            words = value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        case timedelta():
            words = str(timedelta(seconds=round(value.total_seconds())))
        case Enum():
            words = str(value.value)
        case _:
            words = str(value)
    return _harmless(words)


def _print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(
        title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, title_style=""
    )
    for index, column in enumerate(columns):
        numbers = all(isinstance(row[index], int | float | None) for row in rows)
        drawn.add_column(Text(column), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell(value)) for value in row))
    # Into a pipe nothing is wrapped: a line stays a line for grep.
    console = Console(width=None if sys.stdout.isatty() else 10_000, highlight=False)
    with console.capture() as captured:
        console.print(drawn)
    lines = (line.rstrip() for line in captured.get().splitlines())
    sys.stdout.write("\n".join(line for line in lines if line) + "\n")


def _harmless(words: str) -> str:
    """Take out what a terminal would obey: a table may be called anything."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in words)


def _plain(value: object) -> object:
    match value:
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Enum():
            return value.value
        case _:
            return str(value)
