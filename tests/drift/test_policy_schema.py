"""The shipped JSON Schema is the model's, and the sample policies are good in its eyes."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from lifecycle.commands import policy as cli
from lifecycle.policy import load, whole

SYSTEMS = Path(cli.__file__).parents[1] / "systems"
SAMPLES = sorted(SYSTEMS.glob("*/policy.yaml"))


def schema() -> dict[str, Any]:
    return json.loads(cli.SCHEMA.read_text(encoding="utf-8"))


def test_the_shipped_schema_is_the_models():
    wanted = json.dumps(whole.model().model_json_schema(), indent=2, ensure_ascii=False) + "\n"
    assert cli.SCHEMA.read_text(encoding="utf-8") == wanted, (
        "write it anew from whole.model().model_json_schema()"
    )


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.parent.name)
def test_a_sample_policy_is_good_for_the_schema_and_for_the_loader(sample: Path):
    parser: Any = YAML(typ="safe", pure=True)
    data = parser.load(sample)
    jsonschema.validate(data, schema())
    assert load.policy(sample)[0].system == sample.parent.name.replace("_", "-")


def test_there_is_a_sample():
    assert SAMPLES


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"system": "x", "database": "x", "tables": {}, "tabels": {}},
        {"system": "X", "database": "x", "tables": {}},
    ],
)
def test_an_editor_marks_what_the_loader_refuses(wrong: dict[str, Any]):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema())
