"""Says what the tests are doing from the first second: a line for each file that is done, and for each failure at once.

In place of pytest's dots; `-v` and `-q` keep pytest's own way.
"""

import time
from collections import Counter
from collections.abc import Iterable

import pytest

SILENCE = 10
"""Seconds after which a line says what is being run, although no file is done."""


class Progress:
    """Counts what has ended, by file, where the results arrive: in the one process that starts the others."""

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self.reporter = reporter
        self.began = self.last = time.monotonic()
        self.left: Counter[str] = Counter()
        self.total = 0

    @pytest.hookimpl
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Know what there is to do, in a run without workers."""
        if session.items:
            self._expect(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: object, ids: list[str]) -> None:
        """Know what there is to do, as the first worker reports it: all have the same."""
        if not self.total:
            self._expect(ids)

    @pytest.hookimpl
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Say what begins when nothing has been said for a while."""
        if time.monotonic() - self.last > SILENCE:
            self._say(f"... {nodeid.partition('::')[2]} of {_file(nodeid)}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: object) -> tuple[str, str, str] | None:
        """Print no dot for what passed."""
        if isinstance(report, pytest.TestReport) and report.passed:
            return ("passed" if report.when == "call" else "", "", "")
        return None

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Say a failure at once."""
        if report.failed:
            self._say(f"FAILED {report.nodeid} ({report.when})")

    @pytest.hookimpl
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Say that a file is done when its last test has ended."""
        file = _file(nodeid)
        self.left[file] -= 1
        if not self.left[file]:
            self._say(file)

    def _expect(self, ids: Iterable[str]) -> None:
        self.left.update(_file(nodeid) for nodeid in ids)
        self.total = self.left.total()
        self._say(f"{self.total} tests in {len(self.left)} files")

    def _say(self, what: str) -> None:
        self.last = time.monotonic()
        minutes, seconds = divmod(int(self.last - self.began), 60)
        done = 100 * (self.total - self.left.total()) // max(self.total, 1)
        self.reporter.ensure_newline()
        self.reporter.write_line(f"{minutes}:{seconds:02} {done:3} %  {what}")
        self.reporter.flush()


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]
