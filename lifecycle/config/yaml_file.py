"""Reads one YAML 1.2 file into plain data and the line of every key. Finds all duplicate keys, not the first.

Stricter than YAML: keys are text, and there are no aliases (`*name`), so that a rule stands where it is read.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from lifecycle.config.mistake import Lines, Mistake, Where
from lifecycle.errors import InputError

LIMIT = 4_000_000
"""Bytes. A policy of 10,000 tables has a tenth of it; more is another file."""
DEEPEST = 20
"""Levels of keys. A policy has seven."""


def read_yaml(path: Path) -> tuple[Any, Lines]:
    """Return (data, lines). Raise InputError when the file cannot be read or is not good YAML."""
    text = _text(path)
    try:
        root = _parser().compose(text)
        if root is None:
            raise InputError(
                f"{path}:1: the file is empty",
                hint="Draft one with `lifecycle policy generate`, or see the sample policies.",
            )
        seen = _Seen()
        _walk(root, (), seen)
        lines = Lines(str(path), seen.numbers, tuple(seen.mistakes))
        if seen.unreadable:
            raise InputError(
                "\n".join(lines.tell(seen.mistakes)), hint=f"Correct {path}; nothing was started."
            )
        return _plain(root), lines
    except MarkedYAMLError as error:
        raise _syntax(path, error) from None
    except YAMLError:
        raise InputError(
            f"{path}:1: not YAML: it has a character that no text file should",
            hint="Save it as UTF-8 text.",
        ) from None
    except RecursionError:
        raise InputError(
            f"{path}:1: nested too deep",
            hint=f"No file of ours has {DEEPEST} levels; look at the brackets and the indentation.",
        ) from None


def _text(path: Path) -> str:
    try:
        if path.is_dir():
            raise InputError(f"{path} is a directory", hint="Name the file in it.")
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist", hint="Check the path.") from None
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror})",
            hint="Check whose file it is and its mode, as the account that runs `lifecycle`.",
        ) from None
    if len(content) > LIMIT:
        raise InputError(f"{path} is larger than {LIMIT:,} bytes", hint="Is it the right file?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}:{line}: not UTF-8 (byte {error.start})", hint="Save the file as UTF-8."
        ) from None


def _parser() -> Any:
    parser = YAML(typ="safe", pure=True)
    parser.version = (1, 2)
    return parser


@dataclass(slots=True)
class _Seen:
    """What the walk has met."""

    numbers: dict[Where, int] = field(default_factory=dict[Where, int])
    mistakes: list[Mistake] = field(default_factory=list[Mistake])
    nodes: set[int] = field(default_factory=set[int])
    unreadable: bool = False
    """An alias (a few of them can stand for a terabyte), or a text that is none."""


def _walk(node: Any, path: Where, seen: _Seen) -> None:
    """Write down the line of every key and item, and what this product does not take as YAML."""
    if not path:
        seen.numbers[path] = node.start_mark.line + 1
    if id(node) in seen.nodes:
        seen.unreadable = True
        seen.mistakes.append(Mistake(path, "an alias (`*name`)", "write out what it stands for"))
        return
    seen.nodes.add(id(node))
    if len(path) > DEEPEST:  # the reader of shapes gives up at 200 levels, in words of its own
        raise RecursionError
    if node.id == "scalar":
        _must_be_text(node.value, path, seen)
    else:
        _walk_inside(node, path, seen)


def _walk_inside(node: Any, path: Where, seen: _Seen) -> None:
    if node.id == "sequence":
        for index, item in enumerate(node.value):
            if id(item) not in seen.nodes:  # an alias has the line of what it stands for
                seen.numbers[*path, index] = item.start_mark.line + 1
            _walk(item, (*path, index), seen)
    else:
        for key, value in node.value:
            _walk(value, _key(key, path, seen), seen)


def _key(key: Any, path: Where, seen: _Seen) -> Where:
    """Write down a key's line and return its path."""
    here: Where = (*path, str(key.value))
    line: int = key.start_mark.line + 1
    if here in seen.numbers:
        first = seen.numbers[here]
        here = (*here, "")  # a place of its own, so that the first keeps its line
        what = f"{key.value!r} is there twice (first on line {first})"
        seen.mistakes.append(Mistake(here, what, "keep one of them"))
    elif key.id != "scalar":
        seen.mistakes.append(Mistake(path, "a key that is not a word", "write `key: value`"))
    elif key.tag != "tag:yaml.org,2002:str":
        quoted = f'put it in quotes: "{key.value}"'
        seen.mistakes.append(Mistake(here, "a key that is not text", quoted))
    seen.numbers[here] = line
    _must_be_text(str(key.value), here, seen)
    return here


def _must_be_text(text: str, path: Where, seen: _Seen) -> None:
    """Note half a character: an escape can spell one, and no file can hold it."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        seen.unreadable = True
        seen.mistakes.append(Mistake(path, "half a character", "write the whole character itself"))


def _plain(node: Any) -> Any:
    """Return the node as Python data. Dates stay text, as in YAML 1.2's own schema."""
    if node.id == "mapping":
        return {str(key.value): _plain(value) for key, value in node.value}
    if node.id == "sequence":
        return [_plain(item) for item in node.value]
    return _scalar(node.tag.rpartition(":")[2], node.value)


def _scalar(kind: str, text: str) -> str | int | float | bool | None:
    digits = text.lstrip("+-")
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int" and digits.isdigit():
        return int(text)
    if kind == "float" and digits.replace(".", "", 1).isdigit():
        return float(text)
    return text


def _syntax(path: Path, error: Any) -> InputError:
    mark = error.problem_mark or error.context_mark
    line: int = mark.line + 1 if mark else 1
    problem = " ".join((error.problem or error.context or "not YAML").split())
    if "'\\t'" in problem or "\\t" in problem:
        return InputError(
            f"{path}:{line}: a tab; YAML is indented with spaces", hint="Write spaces instead."
        )
    return InputError(
        f"{path}:{line}: not YAML: {problem}",
        hint="Look at this line and the one before it: a missing colon, quote or bracket, or the indentation.",
    )
