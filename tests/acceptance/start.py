"""The real command line, with the test room in place of the product's rooms."""

import os
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from lifecycle import rooms

rooms.ROOMS = ("tests.acceptance.testroom",)

from lifecycle import clock  # noqa: E402
from lifecycle.running import run  # noqa: E402
from lifecycle.schedule import reclaim  # noqa: E402

# Patience of seconds where the product has minutes.
run.BACK_OFF = (timedelta(seconds=0), timedelta(seconds=0))
reclaim.GRACE = timedelta(seconds=4)


def as_asked() -> None:
    """Take up what the environment says of clock and directory."""
    if ahead := float(os.environ.get("LIFECYCLE_TEST_AHEAD", "0")):
        right = clock.now
        clock.now = lambda: right() + timedelta(seconds=ahead)
    if file := os.environ.get("LIFECYCLE_TEST_STEPS"):
        step_by(Path(file))
    if place := os.environ.get("LIFECYCLE_TEST_TEMPORARY"):
        tempfile.tempdir = place  # without a look at whether anything can be written there


def step_by(file: Path) -> None:
    """Let the clock of this host, ours and the alarm clock's, be so many seconds off as the file says at any time."""
    from apscheduler.schedulers import base  # pyright: ignore[reportMissingTypeStubs]

    right = clock.now

    class Stepping(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # pyright: ignore[reportIncompatibleMethodOverride]
            return (right() + timedelta(seconds=float(file.read_text()))).astimezone(tz)

    clock.now = lambda: Stepping.now(UTC)
    setattr(base, "datetime", Stepping)  # noqa: B010


def silence(*_: object) -> None:
    """Stand for an alarm clock that hangs."""
    time.sleep(3600)


def command(words: list[str]) -> int:
    """Carry out what a person types."""
    as_asked()
    from lifecycle import cli
    from lifecycle.daemon import wake
    from lifecycle.running import worker
    from lifecycle.schedule import state

    worker.CHILD = (sys.executable, __file__, "child")
    worker.GRACE = timedelta(seconds=1)
    worker.CHILDREN_HEAR |= {
        "LIFECYCLE_TESTROOM",
        "LIFECYCLE_TEST_AHEAD",
        "LIFECYCLE_TEST_TEMPORARY",
    }
    if os.environ.get("LIFECYCLE_TEST_STUCK"):
        state.TICK_LIMIT = timedelta(seconds=2)
        setattr(wake.Threads, "_do_submit_job", silence)  # noqa: B010
    return cli.carry_out(words)


def process(words: list[str]) -> int:
    """Carry a claimed run out; loads no more than the product's own process of a run does."""
    as_asked()
    from lifecycle.running import child

    return child.main(words)


if __name__ == "__main__":
    said = sys.argv[1:]
    sys.exit(process(said[1:]) if said[:1] == ["child"] else command(said))
