"""`--until-idle`: what is due now and what waits, of every system, and then the end.

Each system is served in a thread of its own. One that is away stops none of the others, and is told at the end.
"""

import threading
import time
from collections.abc import Callable, Mapping

from lifecycle import clock
from lifecycle.daemon.turns import Turns
from lifecycle.errors import LifecycleError
from lifecycle.running.claiming import Claiming
from lifecycle.schedule.state import DaemonState
from lifecycle.schedule.tick import look
from lifecycle.system import System
from lifecycle.words import counted

PAUSE = 0.2
"""Seconds between two looks at what is left to do."""


def serve_all(
    state: DaemonState,
    claiming: Claiming,
    turns: Mapping[str, Turns],
    asked: Callable[[], bool],
) -> dict[str, LifecycleError]:
    """Serve every system until nothing is left to do, or until `asked` to leave; return who could not be served.

    A system that is away at the first look is given up at once, one that goes away later when it stays so as long as
    a daemon may be stuck.
    """
    unserved: dict[str, LifecycleError] = {}

    def serve(system: System) -> None:
        error = _until_idle(state, claiming, system, asked)
        if error is None:
            turns[system.name].tell()
        else:
            unserved[system.name] = error

    threads = [threading.Thread(target=serve, args=(s,), daemon=True) for s in state.systems]
    for thread in threads:
        thread.start()
    while not asked() and any(thread.is_alive() for thread in threads):
        time.sleep(PAUSE)
    return {s.name: unserved[s.name] for s in state.systems if s.name in unserved}


def _until_idle(
    state: DaemonState, claiming: Claiming, system: System, asked: Callable[[], bool]
) -> LifecycleError | None:
    """Return None when nothing is left to do, else why it could not be done. Slots that come meanwhile are not ours."""
    if look(state, system, plan=state.schedules) is None:
        return _why(state, system)
    every = system.machine.daemon.tick.at_least().total_seconds()
    again = clock.monotonic()
    while not asked():
        attended = claiming.attends(system.name)
        # A run that is attended is no reason not to look: no alarm clock rings here, and who does not look for as
        # long as a run lasts finds a healthy system dark.
        if not attended or clock.monotonic() >= again:
            again = clock.monotonic() + every
            waiting = look(state, system, plan=False)
            if waiting is None and _away(state, system):
                return _why(state, system)
            if waiting is not None and waiting.open == 0 and not attended:
                return None
        time.sleep(PAUSE)
    return None


def _away(state: DaemonState, system: System) -> bool:
    """Say whether the system has been away for longer than a daemon may be stuck. Asked after a look that failed."""
    now = clock.now()
    dark = state.dark(system.name, now)
    return dark is not None and now - dark.since > state.tick_limit


def _why(state: DaemonState, system: System) -> LifecycleError | None:
    dark = state.dark(system.name, clock.now())
    return dark.error if dark else None


def summary(unserved: Mapping[str, LifecycleError], of: int) -> LifecycleError:
    """Return one error for all systems that could not be served: the first one's, with what is in the way of each."""
    first = next(iter(unserved.values()))
    if of == 1:
        return first
    each = "; ".join(f"{name}: {error.what}" for name, error in unserved.items())
    what = (
        f"{len(unserved)} of {counted(of, 'system')} could not be served, the others were: {each}"
    )
    return type(first)(what, hint=first.hint)
