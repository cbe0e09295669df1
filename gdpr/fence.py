"""Why rows of this database may not be read out: it was put back to before erasures that the ledger outside knows.

Whatever put it back: a dump, WAL-G, a snapshot of its disk. People stand in it who were promised to be gone.
"""

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import ledger
from gdpr.people import anybody
from gdpr.section import SECTION
from lifecycle.errors import LifecycleError
from lifecycle.fence import Against
from lifecycle.system import System

HINT = (
    "Keep the application away from it. `lifecycle gdpr replay plan` says who is to be erased again, and "
    "`lifecycle gdpr replay apply PLAN` does it; until then no dump, archive, erasure or export is made of it."
)


def against(conn: Connection[TupleRow], system: System) -> Against | None:
    """Say that this database is older than the ledger, if so, and write down that it was asked for the first time.

    A ledger that cannot be read says nothing about a database that never had an answer of it; else raise as `objects`.
    """
    if SECTION.of(system.policy) is None or not ledger.kept(system) or ledger.standby(conn):
        return None
    seen = ledger.seen(conn)
    try:
        line = next(ledger.unknown(system, conn), None)
        if seen is None and (line is None or not anybody(system)):
            every = [one.number for one in ledger.behind(system, 0)]
            ledger.mark(conn, max(every, default=0), "first asked")
            return None
    except LifecycleError:
        if seen is None:
            return None
        raise
    if line is None:
        return None
    if not line.ours:
        return Against(
            f"line {line.number} of the ledger of erasures is not as our key wrote it: who was erased is not known",
            f"Bring the former version of that object back, or take it away if it is not ours ({ledger.LEDGER}).",
        )
    return Against(
        f"this database is older than the ledger of erasures: it does not know of {line.name}", HINT
    )
