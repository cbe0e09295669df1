"""The tests that docs/failures.md names are in the tree, and no number of its lists is left out or told twice."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/failures.md").read_text(encoding="utf-8")


def file(named: str) -> Path:
    """Return the file of a test as the page spells it."""
    if named.startswith("tests/"):
        return ROOT / named
    return ROOT / "tests" / ("timescaledb" if named.startswith("server/") else "database") / named


def test_each_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", PAGE)
    assert len(named) > 60
    gone = [
        f"{path}::{test}" for path, test in named if f"def {test}(" not in file(path).read_text()
    ]
    assert gone == []


def test_its_numbers_are_whole() -> None:
    assert sorted(map(int, re.findall(r"^\| (\d+) ", PAGE, re.MULTILINE))) == list(range(1, 49))
    assert re.findall(r"^\| B(\d+) ", PAGE, re.MULTILINE) == [str(n) for n in range(1, 39)]
