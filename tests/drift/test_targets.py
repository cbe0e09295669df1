"""Nothing stops being run: what `.ci/run` calls runs every test there is, and people are told of each of its targets."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CALLED = re.findall(r"^make (\S+)", (ROOT / ".ci/run").read_text(), re.MULTILINE)
FOLDERS = {
    f"tests/{file.parent.relative_to(ROOT / 'tests').parts[0]}"
    for file in ROOT.glob("tests/*/**/test_*.py")
}


def folders_of(target: str) -> set[str]:
    """Return the folders of tests that `make TARGET` runs whole."""
    make = shutil.which("make")
    assert make is not None
    words = [make, "--dry-run", "--always-make", target]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found: set[str] = set()
    for line in said.replace("\\\n", " ").splitlines():
        # Those of a kind alone, or on another PostgreSQL than the machine's, stand in for no target.
        if "/pytest " in line and " -m " not in line and "LIFECYCLE_TEST_PG" not in line:
            left_out = set(re.findall(r"--ignore (\S+)", line))
            named = set(re.findall(r" (tests/\S+)", line)) - left_out
            found |= (named or FOLDERS) - left_out
    return found


def test_every_folder_of_tests_is_run_before_a_change_is_on_main():
    assert len(FOLDERS) > 7
    run: set[str] = set()
    for target in CALLED:
        run |= folders_of(target)
    assert FOLDERS - run == set()


def test_a_folder_that_a_target_leaves_out_is_not_taken_for_run():
    assert "tests/wal_g" not in folders_of("test")
    assert folders_of("test-days") == {"tests/days"}


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/release.md"])
def test_every_target_that_stands_between_a_change_and_main_is_named(page: str):
    text = (ROOT / page).read_text()
    assert [target for target in CALLED if not re.search(rf"\b{target}(?![\w-])", text)] == []
