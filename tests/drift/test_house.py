"""The page that leads through the house names files, functions and calls: all of them must be there."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from lifecycle.rooms import ROOMS
from tests.packages import PACKAGES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/house.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (\d+) \| `([^`]+)` \| `([^`]+)` \| [^|]+ \| ([^|]*)\|$", re.MULTILINE)
STEPS = [match.groups() for match in ROW.finditer(PAGE)]


def source(path: str, function: str) -> str:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return ast.unparse(node)
    raise AssertionError(f"{path} has no function {function}")


def test_the_walk_is_there_and_counts_without_a_gap():
    assert [int(number) for number, *_ in STEPS] == list(range(1, len(STEPS) + 1))
    assert len(STEPS) > 12


@pytest.mark.parametrize(("number", "path", "function", "calls"), STEPS)
def test_each_step_of_the_walk_is_a_function_that_calls_what_the_page_says(
    number: str, path: str, function: str, calls: str
):
    body = source(path, function).partition("\n")[2]
    for name in re.findall(r"`([^`]+)`", calls):
        assert re.search(rf"\b{name}\b", body), f"step {number}: {function} does not call {name}"


def test_every_path_on_the_page_exists():
    for path in re.findall(r"`([a-z_]+(?:/[a-z_]+)*/?(?:\.py)?)`", PAGE):
        if "/" in path:
            assert (ROOT / path).exists(), path


def test_every_room_has_its_charter_and_stands_on_the_page():
    for room in ROOMS:
        folder = ROOT / room.replace(".", "/")
        charter = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
        assert re.search(r"[Nn]ever|[Nn]othing", charter), f"{room}: what does it never do?"
        assert re.search(r"`\w+\.py`|\w+\.py", charter), f"{room}: which file is read first?"
        assert f"`{room.replace('.', '/')}/`" in PAGE


def modules() -> list[Path]:
    return [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize("file", modules(), ids=lambda file: str(file.relative_to(ROOT)))
def test_a_module_fits_a_tired_persons_head(file: Path):
    text = file.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says what it knows and never does"
    assert len(text.splitlines()) <= 300
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 50, f"{node.name} has {length} lines"
    assert file.stem not in {"utils", "util", "helpers", "common", "manager", "service", "base"}


def test_only_one_module_reads_the_clock():
    for file in modules():
        if file.relative_to(ROOT) == Path("lifecycle/clock.py"):
            continue
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"datetime\.(now|utcnow|today)\(|time\.(time|monotonic)\(", text), file


def test_a_package_of_a_room_is_built_typed_and_held_by_the_layers():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    whole = set(PACKAGES)
    assert set(project["hatch"]["build"]["targets"]["wheel"]["packages"]) == whole
    assert set(project["pyright"]["include"]) - {"tests", "bench", "scripts"} == whole
    assert set(project["importlinter"]["root_packages"]) == whole
    assert set(project["importlinter"]["contracts"][0]["layers"]) == whole
