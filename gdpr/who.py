"""Who is meant by a key that was typed: one person of one kind. The key itself is in no message. Reads only."""

import contextlib
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import statements
from gdpr.reach import Reach
from lifecycle.errors import InputError, NotFound
from lifecycle.policy import virtual
from lifecycle.policy.model import Policy


def kind_of(policy: Policy, kind: str | None) -> str:
    """Return the kind of people that is meant. Raise InputError where nobody can tell."""
    kinds = ", ".join(policy.subjects)
    if not kinds:
        raise InputError(
            "the policy knows no people",
            hint="Say under `subjects` whose data this database holds.",
        )
    if kind is None and len(policy.subjects) > 1:
        raise InputError(
            "the policy has several kinds of people, and a key alone does not say which is meant",
            hint=f"Add `--kind` with one of: {kinds}.",
        )
    if kind is not None and kind not in policy.subjects:
        raise InputError(
            "the policy has no such kind of people", hint=f"Give `--kind` one of: {kinds}."
        )
    return kind or next(iter(policy.subjects))


def person_of(conn: Connection[TupleRow], reach: Reach, typed: str) -> str:
    """Return the key of the person, as PostgreSQL writes it. Raise NotFound."""
    key = reach.key()
    row = conn.execute(statements.person(reach), {"typed": spelled(reach, typed)}).fetchone()
    if row is None:
        where = f"{reach.subject.table}.{reach.subject.key}"
        raise NotFound(
            f"no {reach.kind} has the key that was given ({where}, {key.type})",
            hint="The key is not shown, as what is printed here ends in logs. Compare it with the application.",
        )
    return row[0]


def spelled(reach: Reach, typed: str) -> str:
    """Return a key as PostgreSQL writes it: a UUID in capitals or a number with a zero before it is the same one."""
    of_type = reach.key().type
    with contextlib.suppress(ValueError):
        if of_type == "uuid":
            return str(UUID(typed))
        if of_type in virtual.WHOLE and "_" not in typed:  # Python reads 1_000 as a number
            return str(int(typed))
    return typed
