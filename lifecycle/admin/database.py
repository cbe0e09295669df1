"""What `doctor` asks a system's database: who gets in (`access.py`), whether it fits the policy, and what runs.

Each question has its own function and is asked in a connection of its own where it may fail. Changes nothing.
"""

from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import ip_address

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock, rooms, show
from lifecycle.admin import access, install, statements
from lifecycle.admin.finding import Finding, bad, fine, not_asked, refused, survive, unknown
from lifecycle.errors import LifecycleError
from lifecycle.policy import reality
from lifecycle.postgres import catalog as catalogs
from lifecycle.postgres import ddl
from lifecycle.postgres.catalog import Catalog
from lifecycle.schedule.tick import REFUSE, WARN
from lifecycle.settings.model import TICK_LIMIT
from lifecycle.system import System
from lifecycle.watch import check
from lifecycle.words import counted

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
    if not catalog.tables:
        yield not_asked(label, "there is no table in this database that it could be compared with")
    elif not mistakes:
        yield fine(label, "every table is declared, and the policy fits this database")


def _pooler(system: System, _conn: Conn, _catalog: Catalog) -> Iterator[Finding]:
    # `connect` refuses a pooler before the first question: whoever has come here speaks with the server itself.
    yield fine(f"{system.name}: pooler", "the connection leads to PostgreSQL itself")


def _encryption(system: System, conn: Conn, _catalog: Catalog) -> Iterator[Finding]:
    at = conn.info
    yield encryption(f"{system.name}: encryption", at.host, at.hostaddr, sslmode(conn))


def sslmode(conn: Conn) -> str:
    """Return what libpq goes by, whether the dsn, PGSSLMODE or a service file says so: `prefer` where none does."""
    return conn.info.get_parameters().get("sslmode", "prefer")  # what is its default it leaves out


def encryption(label: str, host: str, address: str, sslmode: str) -> Finding:
    """Say whether a connection to this host and address may be read, or answered by somebody else, on its way."""
    if not address or host.startswith(("/", "@")):
        return fine(label, "the database is reached through a socket of this host")
    if ip_address(address.partition("%")[0]).is_loopback:
        return fine(label, "the database is reached on this host alone")
    if sslmode == "verify-full":
        return fine(label, f"{host} must show a certificate of its name (sslmode=verify-full)")
    return bad(
        label,
        f"{host} is another host, and sslmode={sslmode} does not ask for a certificate of its name",
        "Whoever stands on the way may be taken for the database, and read or change what goes through.",
        "Add `sslmode=verify-full sslrootcert=FILE` to the dsn: FILE has the authority that signed the server's "
        "certificate; `sslrootcert=system` for a public one.",
    )


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
    if not judged:
        yield not_asked(label, "the policy schedules none")
    for job in judged:
        if job.state == check.State.CRITICAL:
            yield bad(label, f"{job.job}: {job.why}", why, "lifecycle runs list")
        elif job.state:
            yield unknown(label, f"{job.job}: {job.why}", why, "lifecycle daemon")
        elif job.age is None:
            yield unknown(
                label,
                f"{job.job}: {job.why}",
                "What never ran may fail.",
                "lifecycle schedule list",
            )
    well = sum(not job.state and job.age is not None for job in judged)
    if well and well == len(judged):
        yield fine(label, f"{counted(well, 'job')} succeeded on time")


def _kept(system: System, conn: Conn, _catalog: Catalog) -> Iterator[Finding]:
    label, count = f"{system.name}: schedule", len(rooms.jobs(system.policy))
    if not count:
        yield not_asked(label, "the policy schedules no job")
        return
    lives = max(TICK_LIMIT, 4 * system.machine.daemon.tick.at_least())
    row = conn.execute(statements.KEPT, {"lives": lives}).fetchone()
    assert row is not None
    if row[1]:
        yield fine(label, f"a daemon keeps it ({counted(count, 'job')})")
        return
    yield unknown(
        label,
        "no daemon keeps it" + (f" since {show.cell(row[0])}" if row[0] else " yet"),
        "Nothing runs, and what falls due meanwhile may be missed.",
        "lifecycle daemon",
    )


def _alerts(system: System, conn: Conn, _catalog: Catalog) -> Iterator[Finding]:
    label, channels = f"{system.name}: alerts", ", ".join(system.machine.alerts.channels)
    if not channels:
        return  # doctor has said that nobody is told
    row = conn.execute(statements.ALERTS, {"system": system.name}).fetchone()
    assert row is not None
    waiting, newest = row
    if waiting:
        yield bad(
            label,
            f"{counted(waiting, 'alert')} could not be delivered for an hour",
            "Nobody is told what failed.",
            "See what the daemon's log says of them, and try the channel by hand.",
        )
    elif newest:
        yield fine(label, f"the newest went out by {channels} at {show.cell(newest)}")
    else:
        yield unknown(
            label,
            f"they go out by {channels}, and none ever did",
            "With a mistake in the channel's settings nobody would be told.",
            "Try the channel by hand, or let a run fail and see that the alert arrives.",
        )


QUESTIONS: dict[str, Question] = {
    "role": access.role,
    "counts": access.counts,
    "owners": access.owners,
    "others": access.others,
    "rights": access.granted,
    "chunks": access.chunks,
    "ledger": _ledger,
    "schema": access.schema,
    "event triggers": access.events,
    "policy": _policy,
    "pooler": _pooler,
    "encryption": _encryption,
    "clock": _clock,
    "alerts": _alerts,
    "schedule": _kept,
    "jobs": _overdue,
}
