"""Every command explains itself, and docs/commands.md says what the commands say."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lifecycle.rooms import ROOMS

SCRIPT = Path(__file__).parents[2] / "scripts/commands_page.py"


def script() -> Any:
    spec = importlib.util.spec_from_file_location("commands_page", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TREE: list[tuple[str, Any, Any]] = list(script().tree())
COMMANDS = [(words, command) for words, command, _ in TREE if not hasattr(command, "list_commands")]


def test_the_page_of_commands_is_what_the_commands_say_now() -> None:
    ended = subprocess.run([sys.executable, SCRIPT, "--check"], check=False, timeout=60)
    assert ended.returncode == 0, "run `python scripts/commands_page.py`"


@pytest.mark.parametrize(
    ("words", "command"), [(w, c) for w, c, _ in TREE], ids=[t[0] for t in TREE]
)
def test_every_command_option_and_argument_says_what_it_is_for(words: str, command: Any) -> None:
    assert command.help, words
    assert command.help.strip().rstrip(".") != words
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{words}: {parameter.name}"


def test_every_room_has_a_group_of_its_own_name() -> None:
    groups = {words for words, command, _ in TREE if hasattr(command, "list_commands")}
    assert {f"lifecycle {room.rpartition('.')[2]}" for room in ROOMS} <= groups


def test_every_help_line_at_the_top_is_the_first_words_of_the_groups_own_home() -> None:
    top = TREE[0][1]
    for name in top.list_commands(TREE[0][2]):
        short = top.get_command(TREE[0][2], name)
        assert short.help, name
        assert "TBD" not in short.help


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[words for words, _ in COMMANDS])
def test_no_command_takes_a_secret_on_the_command_line(words: str, command: Any) -> None:
    for parameter in command.params:
        for spelled in parameter.opts:
            assert not any(word in spelled for word in ("password", "token", "secret", "api-key"))


WITHOUT_JSON = {
    "lifecycle demo": "shows a day to a person",
    "lifecycle daemon": "answers nobody; its log is JSON",
    "lifecycle worker": "answers nobody; its log is JSON",
    "lifecycle backups wal-fetch": "answers PostgreSQL, by its exit code",
    "lifecycle policy schema": "prints a JSON document anyhow",
}


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[words for words, _ in COMMANDS])
def test_every_command_answers_machines_too_or_says_why_not(words: str, command: Any) -> None:
    takes_json = any("--json" in parameter.opts for parameter in command.params)
    assert takes_json is (words not in WITHOUT_JSON)


def test_no_exception_is_left_for_a_command_that_is_gone() -> None:
    assert WITHOUT_JSON.keys() <= {words for words, _ in COMMANDS}
