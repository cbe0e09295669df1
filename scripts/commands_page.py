"""Writes docs/commands.md: every command with what it says of itself. `--check` only compares.

The page is made from the command tree, so it cannot say anything else than `--help`.
"""
# ruff: noqa: INP001 - a script, not a package

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

os.environ["COLUMNS"] = os.environ["TERMINAL_WIDTH"] = "100"
PAGE = Path(__file__).parents[1] / "docs/commands.md"
HEAD = """# Commands

Made by `python scripts/commands_page.py` from the commands' own help. [Exit codes](exit-codes.md) have a page of their
own. `--system NAME`, `--json`, `--settings FILE` and `--debug` may stand before any command.
"""


def tree() -> Iterator[tuple[str, Any, Any]]:
    """Yield (words, command, its context) for the top, each group and each command, in the order of `--help`."""
    from typer.main import get_command

    from lifecycle.cli import app

    top: Any = get_command(app)
    yield from _below("lifecycle", top, typer.Context(top, info_name="lifecycle"))


def _below(words: str, command: Any, context: Any) -> Iterator[tuple[str, Any, Any]]:
    yield words, command, context
    if not hasattr(command, "list_commands"):
        return
    for name in command.list_commands(context):
        _, found, _ = command.resolve_command(context, [name])
        if not found.hidden:
            inner = typer.Context(found, info_name=name, parent=context)
            yield from _below(f"{words} {name}", found, inner)


def page() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for words, command, context in tree():
        level = "#" * min(2 + words.count(" "), 4)
        said = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        parts.append(f"{level} `{words}`\n\n```text\n{said.strip()}\n```\n")
    return "\n".join(parts)


def main() -> int:
    """Write the page, or with `--check` say whether it is up to date."""
    made = page()
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.read_text(encoding="utf-8") == made else 1
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
