"""Turns pydantic's errors about a file into mistakes that a person can mend: what is wrong, what to write.

Pure. Never repeats a value from the file, except where the model's own sentence does (a span of time).
"""

import types
from collections import defaultdict
from collections.abc import Iterator
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError

from lifecycle.config.mistake import Mistake, Where
from lifecycle.config.span import Span
from lifecycle.words import did_you_mean

WORDS = {
    "string_type": ("not text", "write text; put numbers and yes/no in quotes"),
    "int_type": ("not a whole number", "write digits without quotes"),
    "int_parsing": ("not a whole number", "write digits without quotes"),
    "int_from_float": ("not a whole number", "write digits without a point"),
    "float_type": ("not a number", "write digits without quotes"),
    "finite_number": ("not a number", "write digits"),
    "bool_type": ("neither true nor false", "write true or false"),
    "tuple_type": ("not a list", "write [first, second]"),
    "list_type": ("not a list", "write [first, second]"),
    "dict_type": ("not a mapping", "write keys with values, `key: value`, or take it out"),
    "model_type": ("not a mapping", "write keys with values, `key: value`, or take it out"),
    "string_too_short": ("empty", "write a word or take the key out"),
    "string_too_long": ("too long", "PostgreSQL's names have at most 63 bytes"),
    "literal_error": ("not a word that can stand here", "write {expected}"),
    "string_pattern_mismatch": ("not a name of the right form", "it must match {pattern}"),
    "greater_than_equal": ("out of range", "write at least {ge}"),
    "less_than_equal": ("out of range", "write at most {le}"),
    "too_short": ("nothing in it", "name at least one or take the key out"),
}
"""What we say for each of pydantic's errors that a model of ours can make; a test holds the list complete."""
_OTHER = ("not what can stand here", "see `lifecycle policy schema`")
Error = dict[str, Any]


def explain(error: ValidationError, data: Any, model: type[BaseModel]) -> list[Mistake]:
    """Return the mistakes, one for each place: the branches of a union speak with one voice."""
    places: dict[Where, dict[str, list[Error]]] = defaultdict(lambda: defaultdict(list))
    for found in cast("list[Error]", error.errors(include_url=False, include_input=False)):
        path, branch, below = _split(found["loc"], data)
        places[path if branch else ()][branch].append(found | {"loc": (*path, *below)})
    mistakes: list[Mistake] = []
    for path, branches in places.items():
        chosen = branches.pop("", [])
        mistakes += [_mistake(e, model) for e in chosen]
        if branches:
            mistakes += _union(path, list(branches.values()), model)
    return mistakes


def _union(path: Where, branches: list[list[Error]], model: type) -> list[Mistake]:
    """Speak for the branch that was meant: the one that fits the kind of value and complains least."""
    fitting = [b for b in branches if not any(e["loc"] == path and _is_kind(e) for e in b)]
    if not fitting:
        kinds = " or ".join(_spelled(_types_at(model, path)))
        return [Mistake(path, "not of a kind that can stand here", f"write {kinds}")]
    best = min(fitting, key=lambda b: (sum(e["type"] == "extra_forbidden" for e in b), len(b)))
    unknown = {e["loc"][:-1] for e in best if e["type"] == "extra_forbidden"}
    # Of a key that is mistyped, that the right one is missing says the same again.
    told = [e for e in best if e["type"] != "missing" or e["loc"][:-1] not in unknown]
    return [_mistake(error, model) for error in told]


def _is_kind(error: Error) -> bool:
    return error["type"].endswith("_type")


def _split(loc: Where, data: Any) -> tuple[Where, str, Where]:
    """Return (path, branch, rest): pydantic puts the branch of a union it tried in the middle of the path."""
    path: list[str | int] = []
    for index, part in enumerate(loc):
        inside = isinstance(data, dict | list) and (
            part in data if isinstance(data, dict) else isinstance(part, int)
        )
        if inside:
            path.append(part)
            data = cast("Any", data)[part]
        elif isinstance(data, dict) and index == len(loc) - 1 and _is_name(part):
            return tuple(loc), "", ()  # a missing key
        else:
            return tuple(path), str(part), _real(loc[index + 1 :])
    return tuple(path), "", ()


def _is_name(part: str | int) -> bool:
    return isinstance(part, str) and part.isidentifier() and part.islower()


def _real(parts: Where) -> Where:
    return tuple(part for part in parts if isinstance(part, int) or _is_name(part))


def _mistake(error: Error, model: type) -> Mistake:
    path, kind = error["loc"], error["type"]
    context = cast("dict[str, Any]", error.get("ctx", {}))
    if kind == "extra_forbidden":
        known = sorted({name for t in _types_at(model, path[:-1]) for name in _fields(t)})
        otherwise = f"known here: {', '.join(known)}"
        instead = did_you_mean(str(path[-1]), known, otherwise)
        return Mistake(path, f"unknown key {path[-1]!r}", instead)
    if kind == "missing":
        return Mistake(path, "missing", _describe(model, path))
    if (
        kind == "value_error"
    ):  # the model's own sentence; it says what to write after a semicolon or a colon
        what, _, instead = str(context["error"]).partition("; ")
        return Mistake(path, what, instead)
    if kind == "too_short" and context["min_length"] > 1:
        return Mistake(path, "too few in it", f"name at least {context['min_length']}")
    what, instead = WORDS.get(kind, _OTHER)
    return Mistake(path, what, instead.format(**context))


def _describe(model: type, path: Where) -> str:
    for holder in _types_at(model, path[:-1]):
        field = _fields(holder).get(str(path[-1]))
        if field is not None:
            example = f", for example {field.examples[0]}" if field.examples else ""
            return f"add `{path[-1]}:`" + (
                f" ({field.description}{example})" if field.description else ""
            )
    return f"add `{path[-1]}:`"


def _fields(kind: Any) -> dict[str, Any]:
    """Return the keys that a person can write."""
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return {}
    return {name: field for name, field in kind.model_fields.items() if not field.exclude}


def _types_at(model: Any, path: Where) -> list[Any]:
    """Return the types that may stand at `path`, the branches of a union one by one."""
    found = [model]
    for part in path:
        found = [below for kind in found for below in _below(kind, part)]
    return found


def _below(kind: Any, part: str | int) -> Iterator[Any]:
    fields = _fields(kind)
    if fields:
        if part in fields:
            yield from _branches(fields[str(part)].annotation)
    elif get_origin(kind) in (dict, tuple, list):
        arguments = get_args(kind)
        yield from _branches(arguments[1] if get_origin(kind) is dict else arguments[0])


def _branches(kind: Any) -> Iterator[Any]:
    if get_origin(kind) is Annotated:
        yield from _branches(get_args(kind)[0])
    elif get_origin(kind) in (Union, types.UnionType):
        for branch in get_args(kind):
            yield from _branches(branch)
    elif kind is not type(None):
        yield kind


_KINDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Span: "a span of time, like '90 days'",
}


def _spelled(kinds: list[Any]) -> Iterator[str]:
    for kind in kinds:
        fields = _fields(kind)
        yield (
            "{" + ", ".join(f"{name}: ..." for name in fields) + "}"
            if fields
            else _KINDS.get(kind, "a name")
        )
