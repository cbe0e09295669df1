"""Fills the tables of keys in docs/policy.md and docs/running.md from the models. `--check` only compares.

Each page holds one whole example file, which begins with a comment that names it: the examples in the tables are
taken from there. Also writes the policy's JSON Schema.
"""
# ruff: noqa: INP001 - a script, not a package

import json
import re
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from lifecycle.commands import policy as cli
from lifecycle.config.span import Span
from lifecycle.policy import whole
from lifecycle.policy.draft_text import quote
from lifecycle.settings.model import Secret, Settings

DOCS = Path(__file__).parents[1] / "docs"
PAGES: Mapping[str, type[BaseModel]] = {"policy.md": whole.model(), "running.md": Settings}
BEGIN, END = "<!-- keys: made by scripts/policy_page.py -->", "<!-- end of keys -->"
WHOLE = re.compile(r"^```yaml\n(# (?:policy|lifecycle)\.yaml\n.*?)^```$", re.MULTILINE | re.DOTALL)
WORDS: Mapping[Any, str] = {
    str: "text",
    int: "whole number",
    bool: "true or false",
    Span: "span of time",
    Secret: "secret",
}
NAMES = {
    "subjects": "KIND",
    "systems": "NAME",
    "owner": "KIND",
    "triggers": "NAME",
    "rules": "NAME",
    "functions": "NAME",
    "references": "NAME",
    "recipients": "NAME",
}
"""What the keys of a mapping are, where they are no tables."""

Part = tuple[str, type[BaseModel]]


def parts(model: type[BaseModel], path: str = "") -> Iterator[Part]:
    """Yield (path as people write it, model) for the file itself and each mapping in it, top down."""
    yield path, model
    for name, field in keys(model):
        here = f"{path}.{name}".lstrip(".") + _inside(name, field.annotation)
        below = [kind for kind in _models(field.annotation) if kind is not Secret]
        for kind in below:
            yield from parts(kind, here)


def _inside(name: str, kind: Any) -> str:
    """Return how people write the way from a key to the mappings in it."""
    kinds = {get_origin(branch) for branch in (kind, *get_args(kind))}
    if tuple in kinds:
        return "[]"
    return f".{NAMES.get(name, 'TABLE')}" if dict in kinds else ""


def keys(model: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    """Return the keys that a person writes."""
    return [(n, f) for n, f in model.model_fields.items() if not f.exclude]


def _models(kind: Any) -> list[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [found for argument in get_args(kind) for found in _models(argument)]


def _type(kind: Any) -> str:
    """Return a type in words."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _type(arguments[0])
    if origin is Literal:
        return " or ".join(f"`{word}`" for word in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(a) for a in arguments if a is not type(None)))
    if origin in (tuple, list):
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"mapping to {_type(arguments[1])}"
    return WORDS.get(kind, "mapping")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ({}, ()):
        return "none"
    return "as below" if isinstance(value, BaseModel) else f"`{_spelled(value)}`"


def examples(page: str) -> list[Any]:
    """Return the whole example file of a page, and of a policy those of the page on whose data it is."""
    parser: Any = YAML(typ="safe", pure=True)
    found = WHOLE.findall(page)
    more = WHOLE.findall((DOCS / "whose.md").read_text(encoding="utf-8"))
    is_policy = any(text.startswith("# policy.yaml") for text in found)
    return [parser.load(text) for text in (*found, *(more if is_policy else ()))]


def example(wholes: list[Any], path: str, name: str) -> Any:
    """Return the first value of a key in the examples, None where they have none."""
    found = list(wholes)
    for word in (*path.replace("[]", ".[]").split("."), name):
        found = [below for value in found for below in _below(value, word)]
    return found[0] if found else None


def _below(value: Any, word: str) -> list[Any]:
    if word == "":
        return [value]
    if word == "[]":
        return list(value)
    if not isinstance(value, dict):
        return []
    mapping = cast("dict[str, Any]", value)
    if word in (*NAMES.values(), "TABLE"):
        return list(mapping.values())
    return [mapping[word]] if word in mapping else []


def _spelled(value: Any) -> str:
    if isinstance(value, dict):
        name, below = next(iter(cast("dict[str, Any]", value).items()))
        return f"{{{name}: {_spelled(below)}}}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_spelled(one) for one in cast("list[Any]", value)) + "]"
    if isinstance(value, bool | int) or value is None:
        return json.dumps(value)
    text = str(value)
    return text if re.fullmatch(r"[\w ./-]+", text) and not text.isdigit() else quote(text)


def _rows(path: str, model: type[BaseModel], whole: Any) -> Iterator[str]:
    yield "| key | type | default | example | what it is |"
    yield "|---|---|---|---|---|"
    for name, field in keys(model):
        inside = [kind for kind in _models(field.annotation) if kind is not Secret]
        shown = None if inside and name != "owner" else example(whole, path, name)
        given = f"`{_spelled(shown)}`" if shown is not None else ""
        yield f"| `{name}` | {_type(field.annotation)} | {_default(field)} | {given} | {field.description} |"


def tables(model: type[BaseModel], page: str) -> str:
    """Return the tables of keys, a heading each."""
    whole, told = examples(page), list[str]()
    for path, part in parts(model):
        title = f"### `{path}`" if path else "### At the top"
        about = " ".join((part.__doc__ or "").split())
        told.append("\n".join([title, "", about, "", *_rows(path, part, whole)]))
    return "\n\n".join(told)


def filled(page: str, model: type[BaseModel]) -> str:
    """Return the page with its tables made anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables(model, page)}\n\n{END}{after}"


def made() -> dict[Path, str]:
    """Return every file that is made here, with its text."""
    schema = json.dumps(whole.model().model_json_schema(), indent=2, ensure_ascii=False) + "\n"
    found = {cli.SCHEMA: schema}
    for name, model in PAGES.items():
        found[DOCS / name] = filled((DOCS / name).read_text(encoding="utf-8"), model)
    return found


def main() -> int:
    """Write the files, or with `--check` say whether they are up to date."""
    for path, text in made().items():
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        elif path.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{path} is not up to date: run `make docs`\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
