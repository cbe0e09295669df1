"""What an error of PostgreSQL's means in our words, and what of it may be repeated.

Whoever's code raises an error sets every field of it: message, detail, hint, the names of schema, table, column, type
and constraint, and five letters as its SQLSTATE, each of them a value if he likes. So its words are never repeated, a
SQLSTATE only if it is one of PostgreSQL's own, a name only if who asks has read it in the catalog before.
"""

from collections.abc import Container

import psycopg
from psycopg import errors

from lifecycle.errors import (
    AccessDenied,
    Conflict,
    DeadlineExceeded,
    LifecycleError,
    NotFound,
    Refused,
    Unreachable,
)
from lifecycle.postgres.names import policy_name

REASONS: tuple[tuple[str, type[LifecycleError], str, str], ...] = (
    (
        "password authentication failed|no password supplied|SCRAM",
        AccessDenied,
        "the server refused the password",
        "Check `user` in the dsn and the file or variable under `password:`.",
    ),
    (
        "certificate|SSL|tls",
        AccessDenied,
        "the encrypted connection was refused (certificate or TLS)",
        "Check sslmode, sslrootcert and sslcert in the dsn against the server's certificate.",
    ),
    (
        "no pg_hba.conf entry|Peer authentication|Ident authentication",
        AccessDenied,
        "the server does not let this user in from here",
        "Add a line to pg_hba.conf for this user, database and address.",
    ),
    (
        "is not permitted to log in|permission denied for database",
        AccessDenied,
        "the user in the dsn may not enter this database",
        "Give the role `login`, and `connect` on the database; or correct `user`.",
    ),
    (
        'role ".*" does not exist',
        AccessDenied,
        "the user in the dsn does not exist on the server",
        "Run `lifecycle init`, which makes the role, or correct `user`.",
    ),
    (
        'database ".*" does not exist',
        NotFound,
        "the database in the dsn does not exist on the server",
        "Check `dbname` in the dsn.",
    ),
    (
        "too many connections|remaining connection slots",
        Unreachable,
        "the server has no connection slot left",
        "Raise max_connections or reserve slots; the run is tried again.",
    ),
    (
        "starting up|shutting down|recovery mode",
        Unreachable,
        "the server is starting or stopping",
        "Wait; the run is tried again.",
    ),
    (
        "could not translate host name|Name or service not known",
        Unreachable,
        "the host name in the dsn cannot be resolved",
        "Check `host` in the dsn and the machine's DNS.",
    ),
    (
        "timeout expired|timed out",
        Unreachable,
        "the server did not answer in time",
        "Check address, port and firewall, and whether the server is frozen or overloaded.",
    ),
    (
        "Connection refused|No such file or directory|is the server running",
        Unreachable,
        "no server listens at the address in the dsn",
        "Check `host` and `port`, and that PostgreSQL is running.",
    ),
)
"""What a driver says when nobody is connected, by a pattern: class, what, hint."""

GIVES_BYPASSRLS = (
    "`alter role ... bypassrls` gives it: said by a superuser, from PostgreSQL 16 on also by who has BYPASSRLS himself "
    "and administers that role. On a managed cloud that is its first administrator, or its operator alone"
)
HIDDEN: tuple[type[LifecycleError], str, str] = (
    AccessDenied,
    "row security hides rows from this login: it lacks BYPASSRLS",
    f"{GIVES_BYPASSRLS}. Nothing was counted without it, as what is hidden would be left out.",
)
"""What PostgreSQL means by 42501 where rows are read past row security, which this product never lets filter."""

_BUSY = "another session holds a lock that is needed"
_MISSING = "a table, schema or function is missing"
_MISSING_HINT = (
    "If it is schema `lifecycle`, run `lifecycle init`; else compare with `lifecycle policy check`."
)
STATES: tuple[tuple[str, type[LifecycleError], str, str], ...] = (
    (
        "42501",
        AccessDenied,
        "the service role lacks a right",
        "Run `lifecycle doctor`, which names what is missing, or `lifecycle init` again.",
    ),
    (
        "53100",
        Refused,
        "the database server's disk is full",
        "Free space on the server, then resume the run.",
    ),
    (
        "53200",
        Refused,
        "the database server has no memory left, or no place for one more lock",
        "Reading a table locks each of its partitions and indexes: raise max_locks_per_transaction (needs a restart).",
    ),
    ("25006", Refused, "the server is read-only", "Point the dsn at the primary."),
    ("42P01", NotFound, _MISSING, _MISSING_HINT),
    ("3F000", NotFound, _MISSING, _MISSING_HINT),
    ("42883", NotFound, _MISSING, _MISSING_HINT),
    ("55P03", Conflict, _BUSY, "Try again later."),
    ("40P01", Conflict, _BUSY, "Try again later."),
    ("40001", Conflict, _BUSY, "Try again later."),
    (
        "57014",
        DeadlineExceeded,
        "a statement took longer than its time limit",
        "See the server's log for what it waited on.",
    ),
    (
        "08",
        Unreachable,
        "the server ended the connection",
        "Check the server's log; the run is tried again.",
    ),
    (
        "57",
        Unreachable,
        "the server ended the connection",
        "Check the server's log; the run is tried again.",
    ),
)
"""What a SQLSTATE says, by its beginning: class, what, hint."""


def state(found: str | None) -> str:
    """Return a SQLSTATE in brackets, if it is one of PostgreSQL's own; else that it is none."""
    try:
        own = errors.lookup(found or "").sqlstate == found
    except KeyError:
        own = False
    return f"(SQLSTATE {found})" if own else "(a SQLSTATE that is none of PostgreSQL's)"


def hidden(error: psycopg.Error) -> bool:
    """Say whether PostgreSQL itself refused to read past row security. No code of anybody's names that place in it."""
    return error.sqlstate == "42501" and error.diag.source_function == "check_enable_rls"


def table(error: psycopg.Error, known: Container[str]) -> str | None:
    """Return the table that an error names, as policies spell it, if it is one of those `known`."""
    schema, name = error.diag.schema_name, error.diag.table_name
    found = policy_name(schema, name) if schema and name else None
    return found if found is not None and found in known else None
