"""The real command line, with the test room in place of the product's rooms."""

import os
import sys
import tempfile
import time
from datetime import timedelta

from lifecycle import rooms

rooms.ROOMS = ("tests.acceptance.testroom",)

from lifecycle import cli, clock  # noqa: E402
from lifecycle.daemon import wake  # noqa: E402
from lifecycle.running import child, run, worker  # noqa: E402
from lifecycle.schedule import reclaim, state  # noqa: E402

# Patience of seconds where the product has minutes.
run.BACK_OFF = (timedelta(seconds=0), timedelta(seconds=0))
worker.CHILD = (sys.executable, __file__, "child")
worker.GRACE = timedelta(seconds=1)
reclaim.GRACE = timedelta(seconds=4)
worker.CHILDREN_HEAR |= {"LIFECYCLE_TESTROOM", "LIFECYCLE_TEST_AHEAD", "LIFECYCLE_TEST_TEMPORARY"}

if ahead := float(os.environ.get("LIFECYCLE_TEST_AHEAD", "0")):
    right = clock.now
    clock.now = lambda: right() + timedelta(seconds=ahead)


if place := os.environ.get("LIFECYCLE_TEST_TEMPORARY"):
    tempfile.tempdir = place  # without a look at whether anything can be written there


def silence(*_: object) -> None:
    """Stand for an alarm clock that hangs."""
    time.sleep(3600)


if os.environ.get("LIFECYCLE_TEST_STUCK"):
    state.TICK_LIMIT = timedelta(seconds=2)
    setattr(wake.Threads, "_do_submit_job", silence)  # noqa: B010

if __name__ == "__main__":
    words = sys.argv[1:]
    sys.exit(child.main(words[1:]) if words[:1] == ["child"] else cli.carry_out(words))
