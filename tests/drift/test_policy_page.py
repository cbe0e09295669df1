"""docs/policy.md and docs/running.md say what the models say, and what they show as an example loads."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from ruamel.yaml import YAML

from lifecycle import rooms
from lifecycle.policy import load, reality, whole
from lifecycle.postgres import catalog
from lifecycle.settings import load as load_settings
from lifecycle.settings.model import Settings

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts/policy_page.py"
POLICY_PAGE = (ROOT / "docs/policy.md").read_text(encoding="utf-8")
RUNNING_PAGE = (ROOT / "docs/running.md").read_text(encoding="utf-8")
BASE: dict[str, Any] = {"system": "clinic", "database": "clinic", "tables": {}}


def script() -> Any:
    spec = importlib.util.spec_from_file_location("policy_page", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = script()


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def whole_example(page: str) -> str:
    found = PAGES.WHOLE.findall(page)
    assert len(found) == 1
    return found[0]


FRAGMENTS = [b for b in blocks(POLICY_PAGE, "yaml") if b != whole_example(POLICY_PAGE)]


def parsed(text: str) -> Any:
    parser: Any = YAML(typ="safe", pure=True)
    return parser.load(text)


def test_the_tables_of_keys_and_the_schema_are_the_models() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "scripts.policy_page", "--check"], cwd=ROOT, check=False, timeout=60
    )
    assert ended.returncode == 0, "run `make docs`"


@pytest.mark.parametrize(
    ("page", "model"), [(POLICY_PAGE, whole.model()), (RUNNING_PAGE, Settings)]
)
def test_every_key_says_what_it_is_and_stands_in_the_whole_example(page: str, model: Any) -> None:
    example = PAGES.examples(page)
    for path, part in PAGES.parts(model):
        for name, field in PAGES.keys(part):
            assert field.description, f"{path}.{name}"
            if part.__name__ != "Secret":
                assert PAGES.example(example, path, name) is not None, f"{path}.{name}"


def test_the_whole_policy_is_good(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(whole_example(POLICY_PAGE))
    policy, _ = load.policy(file)
    assert rooms.jobs(policy)


def test_the_whole_policy_fits_the_tables_of_the_page(tmp_path: Path, database: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(whole_example(POLICY_PAGE))
    policy = load.policy(file)[0].model_copy(
        update={"database": str(conninfo_to_dict(database)["dbname"])}
    )
    (schema,) = blocks(POLICY_PAGE, "sql")
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(schema.encode())
        assert reality.compare(policy, catalog.read(conn)).mistakes == ()


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_every_piece_of_a_policy_has_the_right_shape_and_is_part_of_the_whole(
    fragment: str,
) -> None:
    piece = parsed(fragment)
    whole.model().model_validate_json(json.dumps(BASE | piece))
    example = parsed(whole_example(POLICY_PAGE))
    for section, content in piece.items():
        if isinstance(content, list):
            assert content == example[section]
            continue
        for name, value in content.items():
            mine = example[section][name]
            same = value.items() <= mine.items() if isinstance(value, dict) else value == mine
            assert same, f"{section}.{name} is another one above"


def test_the_whole_settings_are_good(tmp_path: Path) -> None:
    file = tmp_path / "lifecycle.yaml"
    file.write_text(whole_example(RUNNING_PAGE))
    assert load_settings.settings(file).systems


def test_what_the_page_quotes_of_a_refusal_is_what_is_said(tmp_path: Path, database: str) -> None:
    (quoted,) = [b for b in blocks(POLICY_PAGE, "text") if b.startswith("error:")]
    file = tmp_path / "policy.yaml"
    text = whole_example(POLICY_PAGE).replace(
        "database: clinic", f"database: {conninfo_to_dict(database)['dbname']}"
    )
    text = re.sub(r"^ +diagnosis_codes:.*\n", "", text, flags=re.MULTILINE)
    file.write_text(text.replace(", mentions: {referred_by: set null}", ""))
    policy, lines, _ = load.policy_with_lines(file)
    (schema,) = blocks(POLICY_PAGE, "sql")
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(schema.encode())
        told = lines.tell(reality.compare(policy, catalog.read(conn)).mistakes)
    said = [line.removeprefix(f"{tmp_path}/") for line in told]
    assert said == quoted.removeprefix("error: ").splitlines()[: len(said)]
