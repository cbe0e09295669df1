"""Prints plans, outcomes and tables: for people as text, for machines as one JSON document.

What rooms and commands have to show goes through here. Never decides anything but the exit code that
an outcome's verdict stands for.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from enum import Enum
from types import NoneType
from typing import cast

import typer

from lifecycle import progress, words
from lifecycle.errors import LifecycleError, Unproven
from lifecycle.outcome import Outcome, Verdict
from lifecycle.plan import Decision, Plan, Step

EXIT_CODES = {
    Verdict.FAIL: LifecycleError.exit_code,
    Verdict.UNVERIFIED: Unproven.exit_code,
}
"""What a command ends with when the run it showed did not pass."""

TYPED_AGAIN = ("id", "run")
"""Columns whose numbers are typed into the next command, so they stand as they are: 1234, not 1,234."""


def plan(plan: Plan[Step], as_json: bool, *, remembered: bool) -> None:
    """Print what would be done, each step with its reason and cost, and the hash to apply it by.

    One that could not be `remembered` cannot be applied, and says so.
    """
    decided = plan.decision
    if as_json:
        found = plan.document()
        document("plan", found | found["decision"] | {"hash": plan.hash, "remembered": remembered})
        return
    rows = [
        (number, step.verb, step.target, step.reason, step.cost)
        for number, step in enumerate(decided.steps, start=1)
    ]
    narrowed = f" ({plan.only} only)" if plan.only else ""
    title = f"{plan.room} plan for {plan.system}{narrowed}"
    if rows:
        _print_table(title, ("#", "do", "to", "because", "cost"), rows)
    else:
        text(f"{title}: nothing to do.")
    _beside(decided)
    for name, fact in decided.facts.items():
        text(f"{name}: {fact}")
    if rows and remembered:
        text(f"\nTo carry out exactly this: lifecycle {plan.room} apply {plan.hash}")
    elif rows:
        text(
            "\nThe ledger cannot be written here, so this plan cannot be applied: it was not remembered."
        )


def asked_alone(
    plan: Plan[Step],
    line: Callable[[Step], str],
    again: str,
    as_json: bool,
    seen: Mapping[str, object] | None = None,
) -> None:
    """Print a plan of what only one room can be asked: each step as a `line`, and the command to do it `again` by.

    `seen` is what was seen beside it, and may be another the next moment: the plan's hash does not bind it.
    """
    decided = plan.decision
    if as_json:
        found = plan.document()
        beside = {} if seen is None else {"seen": dict(seen)}
        document("plan", found | found["decision"] | {"hash": plan.hash} | beside)
        return
    for name, what in (seen or {}).items():
        text(f"{name}: {cell(what)}")
    for step in decided.steps:
        text(line(step))
    _beside(decided)
    if decided.steps:
        text(f"\nTo carry out exactly this: {again} --apply {plan.hash}")


def _beside(decided: Decision[Step]) -> None:
    for refusal in decided.refusals:
        text(f"refused: {refusal.target}: {refusal.what}")
        text(f"  hint: {refusal.hint}")
    for note in decided.notes:
        text(f"note: {note}")


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
        for unseen in cast("list[dict[str, str]]", outcome.coverage.get("unseen", [])):
            text(f"  not looked at: {unseen['place']}: {unseen['why']}")
            text(f"    hint: {unseen['hint']}")
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


def done(sentence: str, as_json: bool) -> None:
    """Print that a small thing was done, in one sentence."""
    if as_json:
        document("done", {"done": sentence})
    else:
        text(sentence)


def document(kind: str, content: Mapping[str, object]) -> None:
    """Print one JSON document of schema `lifecycle.<kind>.v1`."""
    whole = {"schema": f"lifecycle.{kind}.v1"} | dict(content)
    _write(json.dumps(whole, default=_plain, ensure_ascii=False, indent=2) + "\n")


def text(line: str) -> None:
    """Print a line for a person."""
    _write(_harmless(line) + "\n")


def cell(value: object) -> str:
    """Return a value as people read it: times and spans in one format, numbers grouped, nothing as `-`."""
    match value:
        case None | "":
            said = "-"
        case bool():
            said = "yes" if value else "no"
        case int():
            said = f"{value:,}"
        case float():
            said = f"{value:,.1f}"
        case datetime():
            said = words.moment(value)
        case timedelta():
            said = words.span(value)
        case Enum():
            said = str(value.value)
        case _:
            said = str(value)
    return _harmless(said)


def _print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print for the reader there is: a line per row into a pipe, for grep and cut; else what fits the terminal."""
    cells = [
        [
            str(value) if column in TYPED_AGAIN else cell(value)
            for column, value in zip(columns, row, strict=True)
        ]
        for row in rows
    ]
    if sys.stdout.isatty():
        drawn = _drawn(columns, rows, cells)
    else:
        lines = [columns, *([" ".join(text.split()) for text in row] for row in cells)]
        drawn = "\n".join("\t".join(line) for line in lines)
    _write(f"{_harmless(title)}\n{drawn}\n")


def _drawn(
    columns: Sequence[str], rows: Sequence[Sequence[object]], cells: Sequence[Sequence[str]]
) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from lifecycle import layout

    width = shutil.get_terminal_size().columns
    fitting = layout.widths(columns, cells, width)
    if fitting is None:
        return layout.stacked(columns, cells, width)
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, layout.GAP - 1, 0, 0),
        header_style="",
    )
    for index, (column, wide) in enumerate(zip(columns, fitting, strict=True)):
        numbers = all(type(row[index]) in (int, float, NoneType) for row in rows)
        table.add_column(Text(column), justify="right" if numbers else "left", width=wide)
    for row in cells:
        table.add_row(*(Text(text) for text in row))
    # What is drawn is printed by us: else rich takes a terminal that calls itself dumb for 80 columns wide.
    console = Console(width=width, highlight=False, force_terminal=False)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _write(said: str) -> None:
    progress.hide()
    sys.stdout.write(said)


def _harmless(said: str) -> str:
    """Take out what a terminal would obey: a table may be called anything."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in said)


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
