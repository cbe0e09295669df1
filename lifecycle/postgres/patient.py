"""A connection that does not wait for ever: for whoever has others to serve meanwhile.

A server that is frozen (SIGSTOP, a paused virtual machine, a hung disk) keeps its sockets open and never answers, and
its own statement_timeout is frozen with it. So the time is kept on this side.
"""

from datetime import timedelta

from psycopg import Connection
from psycopg.abc import RV, PQGen
from psycopg.errors import ConnectionTimeout, _WaitTimeout  # pyright: ignore[reportPrivateUsage]
from psycopg.rows import TupleRow

PATIENCE = timedelta(seconds=10)
"""How long a daemon waits for a server to let it in, and for its answer to each statement. Longer than the limits it
gives the server itself (`daemons.keep_short`): a server that is only slow says so, and has changed nothing then."""


def patient(patience: timedelta) -> type[Connection[TupleRow]]:
    """Return a kind of connection that waits so long for the answer to a statement, a COMMIT too.

    Then it is closed and raises ConnectionTimeout. Whether the server carried the statement out is not known.
    """

    class Patient(Connection[TupleRow]):
        def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
            try:
                return super().wait(gen, interval, timeout or patience.total_seconds())
            except _WaitTimeout:
                self.pgconn.finish()  # a late answer must not be taken for that of the next statement
                raise ConnectionTimeout("timeout expired") from None

    return Patient
