"""How a run is stopped from outside: SIGTERM, SIGINT and its time limit become one exception in the main thread."""

import signal
from datetime import timedelta
from types import FrameType, TracebackType
from typing import Self, cast

from lifecycle.errors import DeadlineExceeded, Interrupted, LifecycleError


class Stop(KeyboardInterrupt):
    """Ends a run from a signal handler.

    A KeyboardInterrupt, so that no `except Exception` of a job goes on with its next table, and so that psycopg
    cancels the statement that is under way.
    """

    def __init__(self, error: LifecycleError) -> None:
        super().__init__(error.what)
        self.error = error


class Stopping:
    """Lets SIGTERM, SIGINT and the time limit end what runs between `open` and `close`, by raising Stop, once.

    Before and after, while the claim is taken up and the ending written, a signal is kept back.
    """

    def __init__(self, job: str, limit: timedelta) -> None:
        self._job = job
        self._limit = limit
        self._open = False
        self._asked: LifecycleError | None = None
        self._before: dict[int, object] = {}
        self._timer = (0.0, 0.0)

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            self._before[number] = signal.signal(number, self._stop)
        self._timer = signal.setitimer(signal.ITIMER_REAL, self._limit.total_seconds())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        signal.setitimer(signal.ITIMER_REAL, *self._timer)
        for number, handler in self._before.items():
            signal.signal(number, cast("signal.Handlers", handler))

    def open(self) -> None:
        """From here on a signal raises Stop; one that came before does so at once."""
        self._open = True
        if self._asked is not None:
            raise Stop(self._asked)

    def close(self) -> None:
        """From here on nothing is raised any more."""
        self._open = False

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self._asked is not None:
            return
        self._asked = (
            too_long(self._job, self._limit) if number == signal.SIGALRM else asked(self._job)
        )
        if self._open:
            raise Stop(self._asked)


def too_long(job: str, limit: timedelta) -> LifecycleError:
    """Return the error of a run that went beyond its limit."""
    return DeadlineExceeded(
        f"{job} took longer than its limit of {limit}",
        hint="See what it waited on; what it did is on the ledger, and `lifecycle runs resume` goes on from there.",
    )


def asked(job: str) -> LifecycleError:
    """Return the error of a run that somebody stopped."""
    return Interrupted(
        f"{job} was asked to stop", hint="`lifecycle runs resume` goes on where it stopped."
    )
