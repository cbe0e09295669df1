"""What `doctor` asks a system's database: who gets in (`access.py`), whether it fits the policy, and what runs.

Each question has its own function and is asked in a connection of its own where it may fail. Changes nothing.
"""

from collections.abc import Callable, Iterator
from functools import partial

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock, rooms
from lifecycle.admin import access, install, statements
from lifecycle.admin.finding import Finding, bad, fine, refused, survive, unknown
from lifecycle.errors import LifecycleError
from lifecycle.policy import reality
from lifecycle.postgres import catalog as catalogs
from lifecycle.postgres import ddl
from lifecycle.postgres.catalog import Catalog
from lifecycle.schedule.tick import REFUSE, WARN
from lifecycle.system import System
from lifecycle.watch import check

Conn = Connection[TupleRow]
Question = Callable[[System, Conn, Catalog], Iterator[Finding]]


def findings(system: System) -> Iterator[Finding]:
    """Ask everything. When the database cannot be reached, that is the finding."""
    label = f"{system.name}: database"
    try:
        with system.connect("doctor", write=True) as conn:
            catalog = catalogs.read(conn)
            yield fine(label, f"{catalog.database} answers, PostgreSQL {catalog.version}")
            for name, ask in QUESTIONS.items():
                check_name = f"{system.name}: {name}"
                yield from survive(check_name, partial(ask, system, conn, catalog))
    except LifecycleError as error:
        yield refused(label, error, "Without its database nothing of this system can be checked.")


def _ledger(system: System, conn: Conn, _catalog: Catalog) -> Iterator[Finding]:
    label = f"{system.name}: ledger"
    row = conn.execute(statements.LEDGER).fetchone()
    if row is None or not row[0]:
        why = "Runs, evidence and alerts are kept there; without it nothing runs."
        yield bad(label, "the schema lifecycle is missing", why, "lifecycle init")
        return
    installed = [name for (name,) in conn.execute(statements.INSTALLED)]
    if installed != [system.name]:
        yield bad(
            label,
            f"this database belongs to the policy of {', '.join(installed) or 'nobody'}",
            "Two policies for one database would each delete what the other keeps.",
            "Correct the dsn, or merge the two policies.",
        )
    pending = ddl.missing(conn, install.packages())
    if pending:
        what = f"not applied yet: {', '.join(m.name for m in pending)}"
        yield bad(label, what, "This release needs these tables.", "lifecycle init")
    else:
        yield fine(label, "the schema lifecycle is there and up to date")


def _policy(system: System, _conn: Conn, catalog: Catalog) -> Iterator[Finding]:
    label = f"{system.name}: policy"
    mistakes = reality.compare(system.policy, catalog).mistakes
    for mistake in mistakes[: access.SHOWN]:
        why = (
            "What the policy does not know, no promise covers: runs refuse before the first write."
        )
        yield bad(label, str(mistake), why, f"edit {system.settings.policy}")
    if len(mistakes) > access.SHOWN:
        what = f"and {len(mistakes) - access.SHOWN} more mistakes"
        yield bad(label, what, "", f"lifecycle policy check --live --system {system.name}")
    if not mistakes:
        yield fine(label, "every table is declared, and the policy fits this database")


def _pooler(system: System, conn: Conn, _catalog: Catalog) -> Iterator[Finding]:
    label = f"{system.name}: pooler"
    row = conn.execute(statements.BACKEND).fetchone()
    assert row is not None
    if row[0] != conn.info.backend_pid:
        yield bad(
            label,
            "a connection pooler stands between the service and PostgreSQL",
            "In transaction mode settings and locks of a session belong to whoever comes next.",
            "Let the dsn name PostgreSQL's own host and port.",
        )
    else:
        yield fine(label, "the connection leads to PostgreSQL itself")


def _clock(system: System, conn: Conn, _catalog: Catalog) -> Iterator[Finding]:
    label = f"{system.name}: clock"
    row = conn.execute("select clock_timestamp()").fetchone()
    assert row is not None
    skew = clock.now() - row[0]
    if abs(skew) > WARN:
        why = f"Beyond {REFUSE.seconds} s a daemon here plans nothing, and what it logs bears the wrong time."
        what = f"this host's clock is {skew.total_seconds():+.0f} s off the database's"
        yield bad(label, what, why, "Set both machines by NTP.")
    else:
        yield fine(label, "this host's clock and the database's agree")


def _overdue(system: System, _conn: Conn, _catalog: Catalog) -> Iterator[Finding]:
    label = f"{system.name}: jobs"
    why = "A promise is not being kept."
    judged = list(check.jobs(system, clock.now()))
    for job in judged:
        if job.state == check.State.CRITICAL:
            yield bad(label, f"{job.job}: {job.why}", why, "lifecycle runs list")
        elif job.state:
            yield unknown(label, f"{job.job}: {job.why}", why, "lifecycle daemon")
    if not any(job.state for job in judged):
        yield fine(label, f"{len(judged)} jobs succeeded when they should")


def _jobs(system: System, _conn: Conn, _catalog: Catalog) -> Iterator[Finding]:
    yield fine(f"{system.name}: schedule", f"{len(rooms.jobs(system.policy))} jobs are scheduled")


QUESTIONS: dict[str, Question] = {
    "role": access.role,
    "counts": access.counts,
    "owners": access.owners,
    "others": access.others,
    "rights": access.granted,
    "ledger": _ledger,
    "schema": access.schema,
    "event triggers": access.events,
    "policy": _policy,
    "pooler": _pooler,
    "clock": _clock,
    "schedule": _jobs,
    "jobs": _overdue,
}
