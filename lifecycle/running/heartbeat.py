"""Keeps a run alive on the ledger, and ends this process when it cannot.

A run whose heartbeat is older than its lease is given to somebody else. So a process that could not beat for
its lease less one heartbeat ends itself first, by a watchdog thread in C that needs neither the interpreter's lock
nor the network: a process that hung, was frozen or cut off writes nothing late.
"""

import contextlib
import faulthandler
import os
import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock
from lifecycle.errors import Fenced, LifecycleError
from lifecycle.ledger import claims
from lifecycle.ledger.claims import Claim
from lifecycle.logger import get_logger
from lifecycle.system import System

log = get_logger("lifecycle.run")


class Heartbeat:
    """Beats for one claim, on a connection and in a thread of its own, while in the `with` block."""

    def __init__(self, system: System, claim: Claim) -> None:
        self._system = system
        self._claim = claim
        # The lease was taken by whoever claimed the run, maybe by other settings than these.
        self._every = min(system.machine.daemon.heartbeat.at_least(), claim.lease / 4)
        self._patience = claim.lease - self._every
        self._last = clock.monotonic()
        self._stream = _stream()
        self._resting = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._arm()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.rest()
        faulthandler.cancel_dump_traceback_later()

    def rest(self) -> None:
        """Stop beating. The watchdog stays: what remains to be written must be written before it bites."""
        self._resting.set()
        self._thread.join()

    def left(self) -> timedelta:
        """Return how long this process may still write."""
        return self._patience - timedelta(seconds=clock.monotonic() - self._last)

    def _beat(self) -> None:
        conn: Connection[TupleRow] | None = None
        while True:
            asked = clock.monotonic()
            try:
                conn = conn or self._system.connect(f"heartbeat {self._claim.id}")
                claims.beat(conn, self._claim)
            except Fenced:
                self._end()
            except (psycopg.Error, LifecycleError) as error:
                log.warning("no heartbeat", run=self._claim.id, error=type(error).__name__)
                if conn is not None:
                    conn.close()
                conn = None
            else:
                self._last = asked
                self._arm()
            if self._resting.wait(self._every.total_seconds()):
                break
        if conn is not None:
            conn.close()

    def _arm(self) -> None:
        """Set the watchdog anew, counted from the last beat that the database has seen."""
        faulthandler.dump_traceback_later(
            max(self.left().total_seconds(), 0.001), exit=True, file=self._stream
        )

    def _end(self) -> None:
        """End this process and the programs it started, now: another holds the run."""
        log.error("run taken over by another process", run=self._claim.id, job=self._claim.job)
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(Fenced.exit_code)


def _stream() -> IO[str]:
    """Return where the watchdog prints file and line of each thread (no values) before it bites."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        if sys.__stderr__ is not None:
            sys.__stderr__.fileno()
            return sys.__stderr__
    return Path(os.devnull).open("w", encoding="utf-8")
