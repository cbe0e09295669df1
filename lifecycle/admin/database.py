"""What `doctor` asks a system's database: who we are there, what we may, and whether it fits the policy.

Each question has its own function and is asked in a connection of its own where it may fail. Changes nothing.
"""

from collections.abc import Callable, Iterator
from functools import partial

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle import clock, rooms
from lifecycle.admin import install, statements
from lifecycle.admin.finding import Finding, bad, fine, refused, survive, unknown
from lifecycle.errors import LifecycleError
from lifecycle.policy import reality, whole
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog as catalogs
from lifecycle.postgres import ddl
from lifecycle.postgres.catalog import Catalog, Table, sql_name
from lifecycle.schedule.tick import REFUSE, WARN
from lifecycle.system import System
from lifecycle.watch import check

Conn = Connection[TupleRow]
Question = Callable[[System, Conn, Catalog], Iterator[Finding]]

SHOWN = 20
"""Findings of one kind that are named one by one."""


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


def _role(system: System, conn: Conn, catalog: Catalog) -> Iterator[Finding]:
    row = conn.execute(statements.ROLE).fetchone()
    assert row is not None
    role, superuser, bypass, makes_roles = row
    label, name = f"{system.name}: role", _name(conn, role)
    if superuser:
        yield bad(
            label,
            f"{role} is a superuser",
            "A mistake or a stolen password could then change everything, the evidence too.",
            "Run `lifecycle init` and let `user=lifecycle` stand in the dsn.",
        )
        return
    if makes_roles:
        fix = f"alter role {name} nocreaterole nocreatedb;"
        yield bad(label, f"{role} may make roles or databases", "It needs neither.", fix)
    hidden = [
        t.name for t in catalog.tables.values() if t.rls and (t.owner != role or t.rls_forced)
    ]
    if hidden and not bypass:
        yield bad(
            label,
            f"{role} has no BYPASSRLS, and {len(hidden)} tables have row security ({', '.join(hidden[:5])})",
            "A row hidden from an erasure is a row kept: every run refuses until it sees all rows.",
            f"alter role {name} bypassrls;",
        )
    else:
        yield fine(label, f"{role} is no superuser and sees every row")


def _membership(system: System, conn: Conn, catalog: Catalog) -> Iterator[Finding]:
    owners = {
        catalog.tables[t].owner
        for t in whole.named(system.policy, "partitions") or ()
        if t in catalog.tables
    }
    label, asked = f"{system.name}: owners", {"owners": sorted(owners)}
    missing = [row[0] for row in conn.execute(statements.MEMBER, asked)]
    inherited = [row[0] for row in conn.execute(statements.INHERITED, asked)]
    for owner in missing:
        yield bad(
            label,
            f"the service is not a member of {owner}, who owns partitioned tables",
            "PostgreSQL lets only the owner attach a partition.",
            f"grant {_name(conn, owner)} to lifecycle;",
        )
    homes = {
        (t.owner, t.schema)
        for n in whole.named(system.policy, "partitions") or ()
        if (t := catalog.tables.get(n))
    }
    pairs = {"owners": [owner for owner, _ in homes], "schemas": [schema for _, schema in homes]}
    barred = conn.execute(statements.MAY_CREATE, pairs).fetchall()
    for owner, schema in barred:
        yield bad(
            label,
            f"{owner}, who owns partitioned tables, may not make tables in schema {schema}",
            "A partition is a table of its owner's, so none can be made there.",
            f"grant create on schema {_name(conn, schema)} to {_name(conn, owner)};",
        )
    for owner in inherited:
        yield bad(
            label,
            f"the service has the rights of {owner} all the time",
            "It steps into them for one statement at a time; otherwise a mistake could change any table.",
            f"grant {_name(conn, owner)} to lifecycle with inherit false;"
            if catalog.version >= 16
            else "alter role lifecycle noinherit;",
        )
    if not missing and not inherited and not barred:
        yield fine(label, f"the service can step into {len(owners)} owners of partitioned tables")


def _name(conn: Conn, name: str) -> str:
    return sql.Identifier(name).as_string(conn)


def _rights(system: System, conn: Conn, catalog: Catalog) -> Iterator[Finding]:
    label = f"{system.name}: rights"
    missing = list(_missing_rights(system.policy, conn, catalog))
    for relation, right in missing[:SHOWN]:
        why = "The run that needs it would fail in the middle of the night."
        fix = f"grant {right} on {sql_name(relation).as_string(conn)} to lifecycle;"
        yield bad(label, f"the service may not {right} on {relation}", why, fix)
    if len(missing) > SHOWN:
        what = f"and {len(missing) - SHOWN} more rights are missing"
        yield bad(label, what, "", f"lifecycle init --system {system.name}")
    if not missing:
        yield fine(label, "the service may do what the policy asks of it")


def _missing_rights(policy: Policy, conn: Conn, catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Yield (table or partition, right as `grant` spells it) for what the service role lacks."""
    whole, columns = _wanted(policy, catalog)
    spelled = {sql_name(r).as_string(conn): r for r, _ in (*whole, *columns)}
    quoted = {relation: text for text, relation in spelled.items()}
    asked = {"names": [quoted[r] for r, _ in whole], "privileges": [p for _, p in whole]}
    for name, privilege in conn.execute(statements.MISSING_TABLE_RIGHTS, asked):
        yield spelled[name], privilege
    asked = {"names": [quoted[r] for r, _ in columns], "columns": [c for _, c in columns]}
    for name, column in conn.execute(statements.MISSING_COLUMN_RIGHTS, asked):
        yield spelled[name], f"update ({_name(conn, column)})"


def _wanted(
    policy: Policy, catalog: Catalog
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return (relation, right) for whole tables and (relation, column) to be updated."""
    deletable = install.deletable(policy)
    whole: list[tuple[str, str]] = []
    columns: list[tuple[str, str]] = []
    for table in catalog.tables.values():
        updatable = sorted(c for c in install.updatable(policy, table) if table.column(c))
        for relation in _relations(table):
            whole.append((relation, "select"))
            if table.name in deletable:
                whole.append((relation, "delete"))
            columns += [(relation, column) for column in updatable]
    return whole, columns


def _relations(table: Table) -> list[str]:
    return [table.name, *(partition.name for partition in table.partitions)]


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
    pending = ddl.missing(conn, install.PACKAGES)
    if pending:
        what = f"not applied yet: {', '.join(m.name for m in pending)}"
        yield bad(label, what, "This release needs these tables.", "lifecycle init")
    else:
        yield fine(label, "the schema lifecycle is there and up to date")


def _policy(system: System, _conn: Conn, catalog: Catalog) -> Iterator[Finding]:
    label = f"{system.name}: policy"
    mistakes = reality.compare(system.policy, catalog).mistakes
    for mistake in mistakes[:SHOWN]:
        why = (
            "What the policy does not know, no promise covers: runs refuse before the first write."
        )
        yield bad(label, str(mistake), why, f"edit {system.settings.policy}")
    if len(mistakes) > SHOWN:
        what = f"and {len(mistakes) - SHOWN} more mistakes"
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
        why = f"Slots are judged by this host's clock; beyond {REFUSE.seconds} s nothing is scheduled."
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


def _defaults(system: System, conn: Conn, catalog: Catalog) -> Iterator[Finding]:
    label = f"{system.name}: default partitions"
    named = [
        catalog.tables[t]
        for t in whole.named(system.policy, "partitions") or ()
        if t in catalog.tables
    ]
    found = [p.name for table in named for p in table.partitions if p.default]
    holding = [name for name in found if _holds_rows(conn, name)]
    for name in holding:
        yield bad(
            label,
            f"{name} holds rows",
            "A partition for them can no longer be made, and no rule finds them by their date.",
            "lifecycle partitions status",
        )
    if not holding:
        yield fine(label, f"none of {len(found)} holds a row")


def _holds_rows(conn: Conn, name: str) -> bool:
    row = conn.execute(statements.any_row(name)).fetchone()
    return row is not None and bool(row[0])


def _jobs(system: System, _conn: Conn, _catalog: Catalog) -> Iterator[Finding]:
    yield fine(f"{system.name}: schedule", f"{len(rooms.jobs(system.policy))} jobs are scheduled")


QUESTIONS: dict[str, Question] = {
    "role": _role,
    "owners": _membership,
    "rights": _rights,
    "ledger": _ledger,
    "policy": _policy,
    "pooler": _pooler,
    "clock": _clock,
    "schedule": _jobs,
    "jobs": _overdue,
    "default partitions": _defaults,
}
