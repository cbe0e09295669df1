"""Whatever pydantic can find wrong with a file of ours is said in our words."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_core.core_schema import ErrorType

from lifecycle.config import shape_mistakes
from lifecycle.config.load import load
from lifecycle.errors import InputError
from lifecycle.policy import whole
from lifecycle.settings.model import Settings

MODELS = (whole.model(), Settings)
SCHEMAS: dict[str, dict[str, tuple[str, ...]]] = {
    # kind of schema -> what it always finds (""), and what with a limit of this name
    "bool": {"": ("bool_type",)},
    "dict": {"": ("dict_type",), "min_length": ("too_short",)},
    "float": {"": ("float_type",)},
    "function-after": {"": ("value_error",)},
    "function-plain": {"": ()},  # serializers
    "int": {
        "": ("int_type", "int_from_float"),
        "ge": ("greater_than_equal",),
        "le": ("less_than_equal",),
    },
    "list": {"": ("list_type",), "min_length": ("too_short",)},
    "literal": {"": ("literal_error",)},
    "model": {"": ("model_type",)},
    "model-field": {"": ("missing",)},
    "model-fields": {"": ("extra_forbidden",)},
    "str": {
        "": ("string_type",),
        "min_length": ("string_too_short",),
        "max_length": ("string_too_long",),
        "pattern": ("string_pattern_mismatch",),
    },
    "tuple": {"": ("tuple_type",), "min_length": ("too_short",)},
}
SILENT = {
    *("default", "nullable", "union", "definitions", "definition-ref", "no-info"),
    *("lax-or-strict", "json-or-python", "is-instance"),
}
"""What only leads to others: the path of the settings, read from JSON, is a text."""
SPECIAL = {"extra_forbidden", "missing", "value_error"}
"""What is not said by a fixed sentence."""


def schemas(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if isinstance(part.get("type"), str):  # pyright: ignore[reportUnknownMemberType]
            yield part
        for below in part.values():  # pyright: ignore[reportUnknownVariableType]
            yield from schemas(below)
    elif isinstance(part, (list, tuple)):
        for below in part:  # pyright: ignore[reportUnknownVariableType]
            yield from schemas(below)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_error_a_model_can_make_has_our_words(model: type[BaseModel]):
    found: set[str] = set()
    for schema in schemas(model.__pydantic_core_schema__):
        kind = schema["type"]
        assert kind in SCHEMAS or kind in SILENT, f"say which errors a {kind} schema makes"
        for limit, errors in SCHEMAS.get(kind, {}).items():
            found |= set(errors) if not limit or limit in schema else set()
    assert found <= set(get_args(ErrorType))
    assert found - SPECIAL <= set(shape_mistakes.WORDS)


def told(tmp_path: Path, model: type[BaseModel], text: str) -> list[str]:
    file = tmp_path / "f.yaml"
    file.write_text(text, encoding="utf-8")
    try:
        load(file, model)
    except InputError as refused:
        return refused.what.replace(f"{tmp_path}/", "").splitlines()
    return []


KEYS = sorted({name for m in MODELS for s in schemas(m.__pydantic_core_schema__) if s["type"] == "model-fields" for name in s["fields"]})  # fmt: skip
ANY = st.characters(exclude_categories=["Cs"])  # by codec, it takes seconds to know them
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(ANY, max_size=70),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(ANY, max_size=3), below, max_size=5)
    ),
    max_leaves=30,
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1, max_size=8))
def test_no_file_is_refused_in_pydantics_words(tmp_path: Path, model: type[BaseModel], data: Any):
    for line in told(tmp_path, model, json.dumps(data, ensure_ascii=False)):
        assert line.startswith("f.yaml:1: ")
        assert "see `lifecycle policy schema`" not in line
        for words in ("input should", "valid json", "validation error", "instance of"):
            assert words not in line.lower()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[" * 300 + "]" * 300, "f.yaml:1: nested too deep"),
        ('system: x\ntimezone: "\\ud800"\n', "f.yaml:2: timezone: half a character; write the whole character itself"),
        ('system: x\n"\\udfff": 1\n', "f.yaml:2: '\\udfff': half a character; write the whole character itself"),
    ],
)  # fmt: skip
def test_what_json_cannot_hold_is_said_in_our_words(tmp_path: Path, text: str, line: str):
    assert told(tmp_path, whole.model(), text) == [line]


def test_an_empty_mapping_is_not_called_a_list(tmp_path: Path):
    assert told(tmp_path, Settings, "systems: {}\n") == [
        "f.yaml:1: systems: nothing in it; name at least one or take the key out"
    ]


def places(model: type[BaseModel]) -> list[tuple[str, str]]:
    """Return (path of a section or part, one of its keys) for every key of the model but its mappings' own."""
    from scripts import policy_page

    return [
        (path, name)
        for path, part in policy_page.parts(model)
        for name, _ in policy_page.keys(part)
    ]


def nested(path: str, name: str) -> Any:
    """Return a file with this key at this path."""
    data: Any = {name: 1}
    for word in reversed([w for w in path.replace("[]", ".[]").split(".") if w]):
        data = [data] if word == "[]" else {"a" if word.isupper() else word: data}
    return data


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_key_with_a_slip_in_it_is_recognised_in_every_section(
    tmp_path: Path, model: type[BaseModel]
):
    for path, name in places(model):
        slip = f"{name}x"
        lines = told(tmp_path, model, json.dumps(nested(path, slip)))
        assert any(f"unknown key {slip!r}; did you mean {name!r}?" in line for line in lines), (
            path,
            lines,
        )
