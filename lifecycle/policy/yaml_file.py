"""Reads one YAML 1.2 file into plain data and the line of every key. Finds all duplicate keys, not the first.

Stricter than YAML: keys are text, and there are no aliases (`*name`), so that a rule stands where it is read.
"""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from lifecycle.errors import InputError
from lifecycle.policy.mistake import Lines, Mistake, Where

LIMIT = 4_000_000
"""Bytes. A policy of 10,000 tables has a tenth of it; more is another file."""


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
        numbers: dict[Where, int] = {(): root.start_mark.line + 1}
        mistakes: list[Mistake] = []
        _walk(root, (), numbers, mistakes, set())
        lines = Lines(str(path), numbers)
        if mistakes:
            told = lines.tell(mistakes)
            raise InputError("\n".join(told), hint=f"Correct {path}; nothing was started.")
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
            f"{path}:1: nested too deep", hint="A policy has at most six levels."
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


def _walk(
    node: Node, path: Where, numbers: dict[Where, int], mistakes: list[Mistake], seen: set[int]
) -> None:
    """Write down the line of every key and item, and what this product does not take as YAML."""
    if id(node) in seen:
        mistakes.append(Mistake(path, "an alias (`*name`)", "write out what it stands for"))
        return
    seen.add(id(node))
    if isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            numbers[*path, index] = item.start_mark.line + 1
            _walk(item, (*path, index), numbers, mistakes, seen)
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            _key(key, path, numbers, mistakes)
            _walk(value, (*path, str(key.value)), numbers, mistakes, seen)


def _key(key: Node, path: Where, numbers: dict[Where, int], mistakes: list[Mistake]) -> None:
    line = key.start_mark.line + 1
    here: Where = (*path, str(key.value))
    if not isinstance(key, ScalarNode):
        mistakes.append(Mistake(path, "a key that is not a word", "write `key: value`"))
    elif key.tag != "tag:yaml.org,2002:str":
        numbers.setdefault(here, line)
        mistakes.append(Mistake(here, "a key that is not text", f'put it in quotes: "{key.value}"'))
    elif here in numbers:
        # Reported at the second place; the path of the first keeps its line.
        again: Where = (*here, "")
        numbers[again] = line
        what = f"{key.value!r} is there twice (first on line {numbers[here]})"
        mistakes.append(Mistake(again, what, "keep one of them"))
    else:
        numbers[here] = line


def _plain(node: Node) -> Any:
    """Return the node as Python data. Dates stay text, as in YAML 1.2's own schema."""
    if isinstance(node, MappingNode):
        return {str(key.value): _plain(value) for key, value in node.value}
    if isinstance(node, SequenceNode):
        return [_plain(item) for item in node.value]
    text: str = node.value
    match node.tag.rpartition(":")[2]:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text.replace("_", ""), 0) if not text.lstrip("+-0_").isdigit() else int(text)
        case "float" if text.replace(".", "", 1).lstrip("+-").isdigit():
            return float(text)
        case _:
            return text


def _syntax(path: Path, error: MarkedYAMLError) -> InputError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    problem = " ".join((error.problem or error.context or "not YAML").split())
    if "'\\t'" in problem or "\\t" in problem:
        return InputError(
            f"{path}:{line}: a tab; YAML is indented with spaces", hint="Write spaces instead."
        )
    return InputError(
        f"{path}:{line}: not YAML: {problem}",
        hint="Look at this line and the one before it: a missing colon, quote or bracket, or the indentation.",
    )
