"""Writes mistakes and notes as a GitHub workflow shows them: beside their line in a pull request. Pure.

    ::error file=policy.yaml,line=27::tables: table visits_2 is in the database and not declared

Form and escapes are those of GitHub's "Workflow commands": in the text %, CR and LF, in a property `:` and `,` too. So
nothing that a table is called can be another command to the workflow.
"""

import re
from collections.abc import Iterator

_IN_TEXT = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY = _IN_TEXT | {":": "%3A", ",": "%2C"}


def errors(file: str, what: str) -> Iterator[str]:
    """Yield an annotation for each `file:line: mistake` of a refusal.

    A line without a place belongs to the mistake above it. A refusal that has none is one of the whole file.
    """
    place = re.compile(rf"{re.escape(file)}:(\d+): ")
    told: list[tuple[str, str]] = []
    for line in what.split("\n"):
        found = place.match(line)
        if found:
            told.append((f",line={found[1]}", line[found.end() :]))
        elif told:
            told[-1] = (told[-1][0], f"{told[-1][1]}\n{line}")
        else:
            told.append(("", line))
    for line, mistake in told:
        yield f"::error file={_escaped(file, _IN_PROPERTY)}{line}::{_escaped(mistake, _IN_TEXT)}"


def notice(file: str, note: str) -> str:
    """Return the annotation of a note: of the file, as it has no line."""
    return f"::notice file={_escaped(file, _IN_PROPERTY)}::{_escaped(note, _IN_TEXT)}"


def _escaped(text: str, escapes: dict[str, str]) -> str:
    return "".join(escapes.get(c, c) for c in text)
