"""The process of one run: `python -m lifecycle.running.child SYSTEM RUN ATTEMPT HOLDER`.

Started by a worker that has claimed the run. From here on this process alone beats, writes and ends the run, so a
worker that dies takes nothing with it. Its exit code is that of the ending.
"""

import contextlib
import sys
from collections.abc import Sequence

from lifecycle import log, rooms, settings_file
from lifecycle.errors import LifecycleError
from lifecycle.ledger import claims
from lifecycle.running import run


def main(words: Sequence[str]) -> int:
    """Carry the run out that the words name. Return an exit code."""
    log.configure()
    name, run_id, attempt, holder = words
    try:
        system = settings_file.open(settings_file.settings_from(None), name)
        with contextlib.closing(system.connect(f"run {run_id}")) as conn:
            claim = claims.take_up(conn, int(run_id), int(attempt), holder)
        ending = run.carry_out(system, claim, rooms.job(system.policy, claim.job))
    except LifecycleError as error:
        run.log.error("run did not begin", run=int(run_id), error=error.what, hint=error.hint)
        return error.exit_code
    return ending.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
