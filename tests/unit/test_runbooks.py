"""Runbooks: every command in them exists, a page says what a walk does, and a walk stops and goes on where it must."""

import ast
import json
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from gdpr import standing, why
from lifecycle import cli
from lifecycle.commands import tree
from lifecycle.errors import Interrupted, NotFound, Unproven
from lifecycle.outside.commands import Finished
from runbooks import books, erasing, page, progress, walk
from runbooks.books import (
    database_lost,
    point_in_time_recovery,
    restore_drill,
    restored_database_came_up,
    run_failed,
)
from runbooks.books.run_failed import BOOK, Facts
from runbooks.progress import Progress
from runbooks.step import Step
from tests import forked

FACTS = Facts(
    "vitalis", "7", "backups.dump", "fail", "the object store did not answer", retry_safe=True
)


def every_command() -> Iterator[str]:
    plan = "0123456789abcdef"
    lost = database_lost.Facts("vitalis", plan)
    text = page.markdown(BOOK, {"run": "7"}, FACTS) + page.markdown(
        database_lost.BOOK, {"plan": plan}, lost
    )
    back = point_in_time_recovery
    text += page.markdown(back.BOOK, {}, back.GENERAL)
    came_up = restored_database_came_up
    text += page.markdown(came_up.BOOK, {"plan": plan}, came_up.Facts("vitalis", plan))
    text += page.markdown(restore_drill.BOOK, {}, restore_drill.Facts("vitalis", "1 hour"))
    for name, states in erasing.BOOKS.items():
        for state in states:
            facts = erasing.general(state)
            text += page.markdown(books.book(name), {"request": facts.request}, facts)
    yield from re.findall(r"`(lifecycle [^`]+)`", text)
    yield from re.findall(r"^\$ (lifecycle .+)$", text, re.MULTILINE)


@pytest.mark.parametrize("line", sorted(set(every_command())))
def test_every_command_in_a_runbook_exists_with_its_options(line: str):
    command: Any = get_command(cli.app)
    options, positional = set[str](), 0
    words = iter(shlex.split(line)[1:])
    for word in words:
        taken = (
            next((p for p in command.params if word in p.opts), None)
            if word.startswith("--")
            else None
        )
        if word.startswith("--"):
            assert taken is not None, f"{line}: {command.name} has no {word}"
            options.add(word)
            if not taken.is_flag:
                next(words)
        elif word in tree.elsewhere() and command.name == "lifecycle":
            command = tree.load(word)
        elif hasattr(command, "commands"):
            assert word in command.commands, f"{line}: no command {word}"
            command = command.commands[word]
        else:
            positional += 1
    assert not hasattr(command, "commands"), f"{line}: {command.name} is a group"
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    needed = [argument for argument in arguments if argument.required]
    assert len(needed) <= positional <= len(arguments), line


NOTHING_TO_BE_DONE = {
    *("in grace", "at work", "canceled", "vanished", "closed by somebody else", "asked again"),
    "settled",
}


def test_every_state_of_a_request_has_one_book_or_nothing_is_to_be_done():
    trees = [ast.parse(Path(file).read_text()) for file in (why.__file__, standing.__file__)]
    told = {
        str(call.args[0].value)
        for tree in trees
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "Standing"
        if call.args and isinstance(call.args[0], ast.Constant)
    } | {"canceled half-way", "closed half-way", "vanished half-way", *standing.STATES.values()}
    books_for = [state for states in erasing.BOOKS.values() for state in states]
    assert len(books_for) == len(set(books_for))
    assert set(books_for) | NOTHING_TO_BE_DONE == told
    assert not set(books_for) & NOTHING_TO_BE_DONE
    assert erasing.BOOKS.keys() <= books.every().keys()


def test_the_drift_test_finds_the_commands():
    found = set(every_command())
    assert "lifecycle --system vitalis runs resume 7" in found
    assert "lifecycle runbooks resume" in found
    assert len(found) >= 8


def test_a_page_has_every_step_with_its_reason_its_expectation_and_its_way_back():
    steps = run_failed.steps(FACTS)
    text = page.markdown(BOOK, {"run": "7"}, FACTS)
    for number, step in enumerate(steps, start=1):
        assert f"\n## {number}. {step.title}\n" in text
        assert all(part and part in text for part in (step.why, step.expect, step.undo))
    assert "the object store did not answer" in text


def test_whether_it_is_safe_to_resume_is_said_and_taken_alone_only_where_the_job_says_so():
    safe, unsafe = (
        next(s for s in run_failed.steps(replace(FACTS, retry_safe=known)) if s.kind == "decision")
        for known in (True, False)
    )
    assert safe.unattended
    assert "may be run again at any time" in safe.why
    assert not unsafe.unattended
    assert "not known to be safe" in unsafe.why


@pytest.mark.parametrize(
    ("state", "verdict", "judged"),
    [
        ("queued", None, None),
        ("running", None, None),
        ("finished", "pass", True),
        ("finished", "fail", False),
        ("lost", None, False),
    ],
)
def test_a_resumed_run_is_waited_for_and_only_a_pass_will_do(
    state: str, verdict: str | None, judged: bool | None
):
    rows = [{"fact": "state", "value": state}] + (
        [{"fact": "verdict", "value": verdict}] if verdict else []
    )
    assert (
        run_failed.passed(Finished("lifecycle", 0, json.dumps({"rows": rows}), "", 0.1)) is judged
    )


def test_what_cannot_be_read_is_no_pass():
    assert run_failed.passed(Finished("lifecycle", 0, "no json", "", 0.1)) is False
    assert run_failed.passed(Finished("lifecycle", 8, "", "", 0.1)) is False


def test_an_unknown_runbook_is_not_found_and_the_known_ones_are_named():
    with pytest.raises(NotFound) as unknown:
        books.book("fire")
    assert "run-failed" in unknown.value.hint


# --- walking, with commands of the real program


def step(name: str, *words: str, **changed: Any) -> Step:
    made = Step(
        name, f"title of {name}", "why", "check" if words else "manual", "expect", "undo", words
    )
    return replace(made, **changed)


@pytest.fixture
def begun(tmp_path: Path) -> Progress:
    return progress.save(
        Progress(
            tmp_path / "walks" / "one.json",
            "run-failed",
            {"run": "7"},
            {"run": "7"},
            "2026-11-21T03:00:00+00:00",
        )
    )


def not_yet(_: Finished) -> bool | None:
    return None


def answers(*said: str) -> tuple[walk.Person, list[str]]:
    heard: list[str] = []
    waiting = iter(said)
    return walk.Person(heard.append, lambda _: next(waiting)), heard


def stored(begun: Progress) -> dict[str, Any]:
    return json.loads(begun.file.read_text())


def test_without_a_person_the_walk_stops_at_the_first_expectation_not_met(begun: Progress):
    steps = (step("good", "--version"), step("bad", "runs", "nonsense"), step("never", "--version"))
    with pytest.raises(Unproven, match="step 'bad' did not end as expected"):
        walk.unattended(begun, steps, print)
    assert [(e["step"], e["result"]) for e in stored(begun)["entries"]] == [
        ("good", "started"), ("good", "done"), ("bad", "started"), ("bad", "failed"),
    ]  # fmt: skip
    assert stored(begun)["state"] == "open"


def test_what_only_a_person_can_do_is_left_to_them_and_the_walk_stays_open(begun: Progress):
    walked = walk.unattended(
        begun, (step("tell", unattended=False), step("good", "--version")), print
    )
    assert (walked.result_of("tell"), walked.result_of("good"), walked.state) == (
        "left to a person",
        "done",
        "open",
    )


def test_a_decision_that_is_not_safe_to_take_ends_the_walk_before_anything_is_changed(
    begun: Progress,
):
    steps = (
        step("decide", kind="decision", unattended=False),
        step("change", "--version", kind="command"),
    )
    with pytest.raises(Unproven, match="step 'decide' needs a person"):
        walk.unattended(begun, steps, print)
    assert begun.file.read_text().count('"change"') == 0


def test_a_person_runs_skips_with_a_reason_and_aborts(begun: Progress):
    steps = (step("one", "--version"), step("two"), step("three"))
    person, _ = answers("r", "s", "", "s", "not tonight", "a")
    with pytest.raises(Interrupted) as aborted:
        walk.attended(begun, steps, person)
    assert "runbooks resume" in aborted.value.hint
    assert [(e["step"], e["result"], e["note"]) for e in stored(begun)["entries"][1:]] == [
        ("one", "done", ""), ("two", "skipped", "not tonight"),
    ]  # fmt: skip


def test_a_resumed_walk_repeats_nothing_and_warns_of_what_was_interrupted(begun: Progress):
    steps = (step("one", "--version"), step("two", "--version"))
    half = walk.unattended(begun, steps[:1], print).with_entry(
        progress.Entry("two", "started", "then")
    )
    person, heard = answers("r")
    assert walk.attended(half, steps, person).state == "done"
    assert heard[0] == "1. title of one: done before"
    assert "its effect is not known" in heard[1]


def test_a_step_that_went_wrong_can_be_run_again(begun: Progress):
    person, heard = answers("r", "x", "s", "mended by hand")
    walk.attended(begun, (step("bad", "runs", "nonsense"),), person)
    assert any("not as expected (exit code 2)" in line for line in heard)
    assert "Type r, s or a." in heard


def test_something_is_waited_for_as_long_as_its_patience_lasts(
    begun: Progress, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(walk, "PAUSE", 0.01)
    seen: list[int] = []

    def third_time(_: Finished) -> bool | None:
        seen.append(1)
        return True if len(seen) == 3 else None

    waiting = step("wait", "--version", judge=third_time, patience=timedelta(minutes=1))
    assert walk.unattended(begun, (waiting,), print).result_of("wait") == "done"
    never = step("wait for ever", "--version", judge=not_yet, patience=timedelta(seconds=0.1))
    with pytest.raises(Unproven):
        walk.unattended(begun, (never,), print)


def test_progress_keeps_a_digest_of_what_was_printed_and_not_the_text(begun: Progress):
    walk.unattended(begun, (step("one", "--version"),), print)
    entry = stored(begun)["entries"][-1]
    assert len(entry["output_sha256"]) == 64
    assert "0.1.0" not in begun.file.read_text()
    assert begun.file.parent.stat().st_mode & 0o777 == 0o700


# --- a second book is one file

TOY = """
from dataclasses import dataclass
from runbooks.book import Book
from runbooks.step import Step

@dataclass(frozen=True)
class Facts:
    system: str
    host: str
    room: str

def gather(system, about):
    return Facts(system.name, about["host"], about["from-room"])

def steps(facts):
    return (
        Step("call", f"Call {facts.room}", "w", "manual", expect="e", undo="u", unattended=False),
        Step("look", f"Look at {facts.host}", "w", "check", expect="e", undo="u", words=("--version",)),
    )

BOOK = Book("fire", "Something burns", {"host": "What burns.", "from-room": "Where."},
            Facts("SYSTEM", "HOST", "ROOM"), gather, steps)
"""


def test_a_second_book_is_one_file_and_every_command_knows_it(tmp_path: Path):
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "fire.py").write_text(TOY)
    (tmp_path / "policy.yaml").write_text("system: small\ndatabase: small\ntables: {}\n")
    settings = {"systems": {"small": {"policy": "policy.yaml", "dsn": "dbname=small"}}}
    (tmp_path / "lifecycle.yaml").write_text(json.dumps(settings))

    def lifecycle(*words: str, typed: str = "") -> tuple[int, str]:
        env = {"PATH": os.environ["PATH"], "COLUMNS": "120"}
        books = str(tmp_path / "books")
        ended = forked.run(("runbooks", *words), env, tmp_path, typed=typed, main=books)
        return ended.returncode, ended.stdout + ended.stderr

    assert "fire\t--host HOST --from-room FROM-ROOM\tSomething burns" in lifecycle("list")[1]
    assert "## 2. Look at HOST" in lifecycle("show", "fire")[1]
    about = ("fire", "--host", "db 1", "--from-room", "cellar")
    code, shown = lifecycle("show", *about)
    assert (code, "Call cellar" in shown) == (0, True)
    assert "`lifecycle runbooks run fire --host 'db 1' --from-room cellar`" in shown
    assert "--from-room FROM-ROOM" in lifecycle("run", "--help")[1]
    code, said = lifecycle("run", *about, "--auto")
    assert (code, "Left to a person: call." in said) == (0, True), said
    assert "host db 1, from-room cellar" in lifecycle("history")[1]
    code, said = lifecycle("resume", typed="r\nthey come\n")
    assert (code, "Look at db 1: done before" in said) == (0, True), said
    assert lifecycle("resume")[0] == 6
    assert lifecycle("run", "fire", "--host", "x")[0] == 2
    code, said = lifecycle("run", *about, "--run", "7")
    assert (code, "the runbook fire does not know --run" in said) == (2, True)
    assert lifecycle("run", "run-failed", "--run", "seven")[0] == 2
