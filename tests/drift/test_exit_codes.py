"""docs/exit-codes.md says what errors.py does."""

import inspect
import re
from pathlib import Path

from lifecycle import errors
from lifecycle.daemon import daemon
from lifecycle.errors import LifecycleError
from lifecycle.watch.check import State

PAGE = (Path(__file__).parents[2] / "docs/exit-codes.md").read_text(encoding="utf-8")
CLASSES = [
    found
    for _, found in inspect.getmembers(errors, inspect.isclass)
    if issubclass(found, LifecycleError)
]


def test_the_page_lists_every_error_with_its_code_and_no_other() -> None:
    listed = {
        (name, int(code)) for code, name in re.findall(r"^\| (\d+) \| (\w+) \|", PAGE, re.MULTILINE)
    }
    assert listed == {(found.__name__, found.exit_code) for found in CLASSES}


def test_a_code_has_one_meaning_and_a_subclass_may_share_it() -> None:
    for found in CLASSES:
        same = [
            other.__name__
            for other in CLASSES
            if other.exit_code == found.exit_code
            and not issubclass(other, found)
            and not issubclass(found, other)
        ]
        assert same == []


def test_the_codes_of_monitors_and_of_the_stuck_daemon_are_on_the_page() -> None:
    assert ", ".join(f"{state.value} {state.name}" for state in State) in PAGE
    assert f"ends with {daemon.STUCK} when" in PAGE
