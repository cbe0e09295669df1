"""The real command line, with the test room in place of the product's rooms."""

import os
import sys
import time
from datetime import timedelta

from lifecycle import rooms

rooms.ROOMS = ("tests.acceptance.testroom",)

from lifecycle import cli, clock  # noqa: E402
from lifecycle.daemon import daemon  # noqa: E402
from lifecycle.ledger import runs  # noqa: E402
from lifecycle.running import child, run, worker  # noqa: E402
from lifecycle.schedule import reclaim, state  # noqa: E402

# Patience of seconds where the product has minutes.
run.BACK_OFF = (timedelta(seconds=0), timedelta(seconds=0))
worker.CHILD = (sys.executable, __file__, "child")
worker.GRACE = timedelta(seconds=1)
reclaim.GRACE = timedelta(seconds=4)

if ahead := float(os.environ.get("LIFECYCLE_TEST_AHEAD", "0")):
    right = clock.now
    clock.now = lambda: right() + timedelta(seconds=ahead)


def silence(_state: object, _system: object) -> runs.Waiting:
    """Stand for a database that never answers."""
    time.sleep(3600)
    return runs.Waiting(0, 0)


if os.environ.get("LIFECYCLE_TEST_STUCK"):
    state.TICK_LIMIT = timedelta(seconds=2)
    daemon.tick = silence

if __name__ == "__main__":
    words = sys.argv[1:]
    sys.exit(child.main(words[1:]) if words[:1] == ["child"] else cli.carry_out(words))
