"""Opens connections, and says in plain words why one cannot be opened or a statement failed.

A driver's message may quote a row ("Key (email)=(...)"): it never leaves this module. What goes on is what `reasons.py`
lets through.
"""

import re
import sys
from collections.abc import Container
from datetime import timedelta

import psycopg
from psycopg import Connection
from psycopg import conninfo as _conninfo
from psycopg.rows import TupleRow

from lifecycle.errors import InputError, LifecycleError, Refused, Unreachable
from lifecycle.postgres import reasons, session
from lifecycle.postgres.cursor import Cursor
from lifecycle.postgres.patient import PATIENCE, patient

SUPPORTED = range(15, 19)
"""Major versions of PostgreSQL this product is tested on: 15 to 18."""

# The path and what is asked go in one message, as each answer is waited for. The path is set before a name of the
# second statement is looked up.
_FACTS = f"""{session.PATH};
    select current_setting('server_version_num')::int / 10000, pg_is_in_recovery(),
           current_setting('default_transaction_read_only')::bool, current_database(), pg_backend_pid()
"""


def conninfo(dsn: str, password: str | None) -> str:
    """Return `dsn` with the password put in. Raise InputError when it cannot be read or carries one itself."""
    try:
        parts = _conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        raise InputError(
            "the dsn cannot be read",
            hint="Write it like `host=db.example port=5432 dbname=vitalis user=lifecycle` or `postgresql://...`.",
        ) from None
    if parts.get("password"):
        raise InputError(
            "the dsn carries a password",
            hint="Take it out and name a file or variable under `password:`, as anyone may read a dsn.",
        )
    return _conninfo.make_conninfo(dsn, **({"password": password} if password else {}))


def connect(
    info: str,
    purpose: str,
    *,
    write: bool,
    database: str | None = None,
    patience: timedelta | None = None,
) -> Connection[TupleRow]:
    """Open a connection in autocommit with time limits, RLS off or an error, and UTC.

    With `patience`, no answer is waited for longer than that, whatever the server does (`patient.py`).
    Raise Unreachable, AccessDenied or NotFound when it cannot be opened; Refused when a pooler stands between, the
    server's version is not supported, it is read-only and `write` is wanted, or it is another database than `database`.
    """
    kind = Connection if patience is None else patient(patience)
    try:
        conn = kind.connect(
            info,
            autocommit=True,
            connect_timeout=round(min(patience or PATIENCE, PATIENCE).total_seconds()),
            application_name=f"lifecycle {purpose}"[:63],
            prepare_threshold=sys.maxsize,  # only what is said over and over asks for it
            client_encoding="utf8",
            # A server that went away without a word is noticed before the run's claim is stale.
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=25_000,
            cursor_factory=Cursor,
        )
    except psycopg.Error as error:
        raise explain(error) from None
    try:
        _must_fit(conn, write=write, database=database)
        conn.execute(session.LIMITS)
    except psycopg.Error as error:
        conn.close()
        raise explain(error) from None
    except LifecycleError:
        conn.close()
        raise
    return conn


def _must_fit(conn: Connection[TupleRow], *, write: bool, database: str | None) -> None:
    """Raise Refused when this is not the server or the database that is wanted."""
    answer = conn.execute(_FACTS)
    answer.nextset()  # behind that of the path
    [(major, recovering, read_only, name, backend)] = answer.fetchall()
    if backend != conn.info.backend_pid:
        raise Refused(
            "a connection pooler stands between this host and PostgreSQL",
            hint="Let the dsn name PostgreSQL's own host and port: settings, locks and the search path of a session "
            "would be those of whoever had its connection before.",
        )
    if major not in SUPPORTED:
        raise Refused(
            f"PostgreSQL {major} is not supported",
            hint=f"Supported are {SUPPORTED.start} to {SUPPORTED.stop - 1}: that is what the tests run on.",
        )
    if write and (recovering or read_only):
        raise Refused(
            "the server is read-only" + (" (a standby in recovery)" if recovering else ""),
            hint="Point the dsn at the primary, for one with `target_session_attrs=read-write` and all hosts.",
        )
    if database is not None and name != database:
        raise Refused(
            f"the policy is written for database {database!r}, and the dsn leads to {name!r}",
            hint="Correct `dbname` in the settings, or `database` in the policy if it was renamed.",
        )


def explain(error: psycopg.Error, tables: Container[str] = ()) -> LifecycleError:
    """Return the error in our words: class, what, hint. Carries no row value, and of names only those of `tables`."""
    state = error.sqlstate
    if state is None and isinstance(error, psycopg.DataError):
        return LifecycleError(
            "a value in the database is none that this program can hold",
            hint="Look for dates before the year 1 or after 9999 in the tables concerned, and correct them.",
        )
    if state is None:
        return _lost(str(error), isinstance(error, psycopg.ProgrammingError))
    if reasons.hidden(error):
        kind, what, hint = reasons.HIDDEN
        return kind(what, hint=hint)
    found = reasons.table(error, tables)
    where = f"{f' on {found}' if found else ''} {reasons.state(state)}"
    for prefix, kind, what, hint in reasons.STATES:
        if state.startswith(prefix):
            return kind(f"{what}{where}", hint=hint)
    return LifecycleError(
        f"PostgreSQL refused a statement{where}",
        hint="PostgreSQL's appendix A explains the code; the message itself is in the server's log, "
        "not here, as it may quote a row.",
    )


def _lost(text: str, wrong: bool) -> LifecycleError:
    for pattern, kind, what, hint in reasons.REASONS:
        if re.search(pattern, text, re.IGNORECASE):
            return kind(what, hint=hint)
    if wrong:
        return LifecycleError("a statement is wrong", hint="This is a mistake: report it.")
    return Unreachable(
        "the connection to PostgreSQL was lost",
        hint="Check the server's log; the run is tried again.",
    )
