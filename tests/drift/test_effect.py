"""Nothing is changed but through `effect`: one module holds a run, marks its transaction and records in it."""

from pathlib import Path

import pytest

from tests.packages import PACKAGES

ROOT = Path(__file__).parents[2]
PRODUCT = sorted(
    file
    for folder in PACKAGES
    for file in (ROOT / folder).rglob("*.py")
    if file.relative_to(ROOT).parts[:2] != ("lifecycle", "ledger")
)


@pytest.mark.parametrize("words", ["claims.hold(", "'lifecycle.run'"])
def test_no_room_holds_a_run_or_marks_it_by_hand(words: str):
    found = [str(file.relative_to(ROOT)) for file in PRODUCT if words in file.read_text()]
    assert found == []
