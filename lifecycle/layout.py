"""How a table is laid out for a terminal of some width, so that no word is ever broken. Pure.

Columns side by side where they fit, else one block per row with `name: value` on lines of its own.
"""

import textwrap
from collections.abc import Sequence

from rich.cells import cell_len

GAP = 2
"""Spaces between two columns."""

SHORT = 25
"""The length of a moment with its offset: a column no wider than this is not wrapped at all."""

TALL = 4
"""Lines that a row may take side by side: beyond that the eye loses the row, and stacked reads better."""


def widths(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int
) -> tuple[int, ...] | None:
    """Return the width of each column of a table that fits `width`, or None where its rows have to be stacked.

    Only sentences are wrapped, the widest first, and never below their longest word.
    """
    cells = [[column, *(row[i] for row in rows)] for i, column in enumerate(columns)]
    found = [max(cell_len(text) for text in column) for column in cells]
    least = [
        whole if whole <= SHORT else max(_longest_word(text) for text in column)
        for whole, column in zip(found, cells, strict=True)
    ]
    room = width - GAP * (len(columns) - 1)
    if sum(least) > room:
        return None
    while sum(found) > room:
        _, widest = max((found[i], i) for i in range(len(found)) if found[i] > least[i])
        found[widest] -= 1
    tallest = max(
        len(textwrap.wrap(text, max(found[i], 1), break_on_hyphens=False))
        for i, column in enumerate(cells)
        for text in column
    )
    return tuple(found) if tallest <= TALL else None


def stacked(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """Return one block per row: the first column at the margin, the others below it; what is empty is left out."""
    return "\n\n".join(
        "\n".join(
            line
            for index, (column, text) in enumerate(zip(columns, row, strict=True))
            if index == 0 or text != "-"
            for line in _wrapped(column, text, "  " if index else "", width)
        )
        for row in rows
    )


def _wrapped(column: str, text: str, indent: str, width: int) -> list[str]:
    """Wrap between words only: a word longer than the line is left whole, to be copied."""
    return textwrap.wrap(
        f"{column}: {text}",
        max(width, 20),
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _longest_word(text: str) -> int:
    return max((cell_len(word) for word in text.split()), default=0)
