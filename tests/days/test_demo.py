"""`lifecycle demo` as a newcomer has it: to its end, gone on with, and stopped by Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import wait_until

pytestmark = pytest.mark.slow
MINE = "# mine\n"


class Newcomer:
    """Starts demos in a directory of their own and finds whatever they leave running."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = home / "said"
        # All that a demo starts inherits the mark or lives in the directory, the server's account included.
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("LIFECYCLE_")}
        self.environment |= {"TMPDIR": str(home), "PYTHONUNBUFFERED": "1"}

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "lifecycle", "demo", *words],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def until(self, word: str, process: "subprocess.Popen[bytes]") -> None:
        """Wait until the demo has said this."""
        wait_until(
            lambda: word in self.said or process.poll() is not None, lambda: self.said, patience=400
        )
        assert word in self.said, self.said

    def left(self) -> list[str]:
        """Return the commands of all processes that belong to a demo of ours."""
        found: list[str] = []
        for entry in Path("/proc").iterdir():
            try:
                seen = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
                if str(self.home).encode() in seen:
                    found.append((entry / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue  # no process, or gone by now
        return found


@pytest.fixture
def newcomer() -> Iterator[Newcomer]:
    # Not pytest's own directory: nobody else may enter that one, and the server runs as somebody else.
    with tempfile.TemporaryDirectory(prefix="lifecycle-newcomer-") as home:
        Path(home).chmod(0o711)
        found = Newcomer(Path(home))
        yield found
        assert found.left() == []


@pytest.mark.parametrize("moment", ["120 people", "backups.dump "])
def test_ctrl_c_ends_it_in_order_and_leaves_nothing_running(
    newcomer: Newcomer, moment: str
) -> None:
    demo = newcomer.start()
    newcomer.until(moment, demo)
    assert any("postgres" in command for command in newcomer.left())
    os.killpg(demo.pid, signal.SIGINT)
    assert demo.wait(timeout=120) == 5, newcomer.said
    assert newcomer.left() == []
    last = newcomer.said.splitlines()[-2:]
    assert [line.partition(":")[0] for line in last] == ["error", "hint"]
    assert "Traceback" not in newcomer.said


@pytest.mark.timeout(2400)  # two days, each within the patience below
def test_a_day_ends_well_and_the_next_goes_on_at_once_and_is_kept_until_ctrl_c(
    newcomer: Newcomer,
) -> None:
    demo = newcomer.start()
    newcomer.until("120 people", demo)
    second = subprocess.run(
        [sys.executable, "-m", "lifecycle", "demo"],
        env=newcomer.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (second.returncode, "another demo is running" in second.stderr) == (7, True)
    policy = newcomer.home / f"lifecycle-demo-{os.getuid()}-vitalis" / "policy.yaml"
    days: tuple[tuple[str, ...], ...] = ((), ("--continue", "--keep"))
    for words, erased in zip(days, ("2 of 2", "0 of 0"), strict=True):
        if words:
            # What a person wrote into it is theirs: only the schedule moves on to this day.
            policy.write_text(MINE + policy.read_text().removeprefix(MINE))
            demo = newcomer.start(*words)
        if "--keep" in words:
            serves_its_pages_until_ctrl_c(newcomer, demo)
        assert demo.wait(timeout=600) == 0, newcomer.said
        verdicts = [line.split()[3] for line in newcomer.said.splitlines() if "00Z" in line]
        assert set(verdicts) == {"pass", "could"}, newcomer.said  # could not verify
        assert len(verdicts) == 8
        assert f"{erased} due requests erased and found" in newcomer.said
        assert newcomer.left() == []
        assert ("your policy is kept and used" in newcomer.said) == bool(words)
        assert policy.read_text().startswith(MINE) == bool(words)


def serves_its_pages_until_ctrl_c(newcomer: Newcomer, demo: "subprocess.Popen[bytes]") -> None:
    newcomer.until("In another terminal", demo)
    [address] = re.findall(r"http://\S+/status", newcomer.said)

    def page_after_the_first_tick() -> bool:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return "gdpr.erase" in answer.read().decode()

    wait_until(page_after_the_first_tick, lambda: newcomer.said, forgive=OSError)
    os.killpg(demo.pid, signal.SIGINT)
