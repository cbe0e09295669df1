"""progress.py: who waits on a terminal sees what is going on, and nobody else sees anything."""

import io
import sys
import time

import pytest

from lifecycle import progress, show


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Put a terminal in the place of standard error. Called by the test itself: pytest puts its own there before."""
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setattr(progress, "QUIET", 0.05)
    monkeypatch.setattr(progress, "EVERY", 0.01)
    progress.phase("working")
    return made


def wait_for(said: Terminal, words: str) -> None:
    deadline = time.monotonic() + 20
    while words not in said.getvalue():
        assert time.monotonic() < deadline, said.getvalue()
        time.sleep(0.01)


def test_a_long_silence_is_explained_by_the_phase_and_the_line_goes_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = terminal(monkeypatch)
    with progress.shown():
        wait_for(said, "working ... ")
        progress.phase("restoring the dump")
        wait_for(said, "restoring the dump ... ")
    assert said.getvalue().endswith("\r\033[K")


def test_the_line_makes_way_for_what_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = terminal(monkeypatch)
    with progress.shown():
        wait_for(said, "working ... ")
        drawn = said.getvalue().count("\r\033[K")
        show.text("an answer")
        assert said.getvalue().count("\r\033[K") > drawn
    assert capsys.readouterr().out == "an answer\n"


def test_nothing_is_shown_while_a_person_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    said = terminal(monkeypatch)
    with progress.shown(), progress.paused():
        time.sleep(0.2)
        assert said.getvalue() == ""


def test_nothing_is_shown_where_standard_error_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    piped = io.StringIO()
    monkeypatch.setattr(sys, "stderr", piped)
    monkeypatch.setattr(progress, "QUIET", 0.0)
    monkeypatch.setattr(progress, "EVERY", 0.01)
    with progress.shown():
        time.sleep(0.1)
    assert piped.getvalue() == ""
