r"""Cuts a file of SQL into its statements, by PostgreSQL's lexical rules as psql applies them. Pure.

No library: the one built on PostgreSQL's own parser is under the GPL; sqlparse 0.6.1 ends a statement within a nested
comment and takes psql's commands and the rows of a COPY for SQL, sqlglot 30.30 cuts bodies of BEGIN ATOMIC (both tried,
see docs/decisions.md). The rules are few (chapter 4.1 of its manual, `psqlscan.l`). A semicolon ends a
statement, but for one

    in '...', "...", E'..\'..', $tag$...$tag$, after -- or within /* /* */ */
    in parentheses                                        create rule ... do (delete ...; insert ...)
    between BEGIN ATOMIC and its END                      a function whose body is SQL and no string
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lifecycle.errors import InputError

_PIECE = re.compile(
    r"""
    (?P<remark>--[^\n]*)
  | (?P<block>/\*)
  | (?P<string>[eE]'(?:[^'\\]|''|\\.)*' | '(?:[^']|'')*' | "(?:[^"]|"")*")
  | (?P<dollar>\$(?:[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff]*)?\$)
  | (?P<word>[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*)
  | (?P<open>['"])
  | (?P<other>[^\s])
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK = re.compile(r"/\*|\*/")
_ROUTINE = re.compile(r"create (or replace )?(function|procedure)\b")
_ROWS = re.compile(r"\bfrom\s+stdin\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a file, and the line on which it begins."""

    file: str
    line: int
    text: str


@dataclass(slots=True)
class _Open:
    """The statement that is being read: where it begins, its first words, and what of it is not closed yet."""

    began: int = -1
    words: str = ""
    parentheses: int = 0
    bodies: int = 0


def split(file: str, text: str) -> Iterator[Statement]:
    """Yield the statements of a file, in order.

    Raise InputError at a command of psql's, at rows that stand in the file, and at what is not closed.
    """
    at, current = 0, _Open()
    while found := _PIECE.search(text, at):
        at = _after(file, text, found)
        if found.lastgroup in ("remark", "block"):
            continue
        if _ends(current, found[0]):
            if current.began >= 0:
                yield _statement(file, text, current, found.start())
            current = _Open()
        else:
            _take(file, text, current, found)
    if current.began >= 0:
        yield _statement(file, text, current, len(text))


def _ends(current: _Open, piece: str) -> bool:
    return piece == ";" and not current.parentheses and not current.bodies


def _after(file: str, text: str, found: re.Match[str]) -> int:
    """Return where what begins here ends."""
    match found.lastgroup:
        case "block":
            return _after_block(file, text, found.start())
        case "dollar":
            return _after_dollar(file, text, found)
        case "open":
            raise _refusal(file, text, found.start(), "a quote is not closed", "Close it.")
        case _:
            return found.end()


def _take(file: str, text: str, current: _Open, found: re.Match[str]) -> None:
    if current.began < 0:
        current.began = found.start()
    if found.lastgroup == "word":
        _read(current, found[0].lower())
    elif found.lastgroup == "other":
        _other(file, text, current, found)


def _read(current: _Open, word: str) -> None:
    """Follow the words by which a body of SQL begins and ends, as psql does."""
    if current.words.count(" ") < 4:
        current.words += f"{word} "
    if current.parentheses or not _ROUTINE.match(current.words):
        return
    if word == "begin" or (word == "case" and current.bodies):
        current.bodies += 1
    elif word == "end" and current.bodies:
        current.bodies -= 1


def _other(file: str, text: str, current: _Open, found: re.Match[str]) -> None:
    if found[0] == "(":
        current.parentheses += 1
    elif found[0] == ")":
        current.parentheses = max(0, current.parentheses - 1)
    elif found[0] == "\\":
        raise _refusal(
            file,
            text,
            found.start(),
            "a command of psql's, which PostgreSQL does not know",
            "Take it out: only SQL is sent.",
        )


def _statement(file: str, text: str, current: _Open, end: int) -> Statement:
    said = text[current.began : end]
    if current.words.startswith("copy ") and _ROWS.search(said):
        what, hint = (
            "rows stand in the file",
            "Take `copy ... from stdin` out: the copy has no rows.",
        )
        raise _refusal(file, text, current.began, what, hint)
    return Statement(file, line_at(text, current.began), said)


def _after_block(file: str, text: str, start: int) -> int:
    """Return where a comment ends, with those in it."""
    depth = 0
    for mark in _BLOCK.finditer(text, start):
        depth += 1 if mark[0] == "/*" else -1
        if not depth:
            return mark.end()
    raise _refusal(file, text, start, "a comment is not closed", "Close it with `*/`.")


def _after_dollar(file: str, text: str, found: re.Match[str]) -> int:
    end = text.find(found[0], found.end())
    if end < 0:
        what = f"what {found[0]} opens is not closed"
        raise _refusal(file, text, found.start(), what, f"Close it with `{found[0]}`.")
    return end + len(found[0])


def line_at(text: str, position: int) -> int:
    """Return the line on which a position of the text stands, from 1."""
    return text.count("\n", 0, position) + 1


def _refusal(file: str, text: str, position: int, what: str, hint: str) -> InputError:
    return InputError(f"{file}:{line_at(text, position)}: {what}", hint=hint)
