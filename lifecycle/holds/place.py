"""Places holds and releases them, and lists them all. Neither is ever changed; each is a line of its own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.errors import CheckViolation
from psycopg.rows import TupleRow

from lifecycle.errors import InputError, NotFound, Refused
from lifecycle.holds import statements
from lifecycle.holds.hold import What, values
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Catalog
from lifecycle.words import choices


def place(
    conn: Connection[TupleRow],
    what: What,
    *,
    because: str,
    placed_by: str,
    until: datetime | None,
) -> int:
    """Place a hold and return its number: what is on hold now, nothing destroys that had not been destroyed before.

    Waits for whoever destroys at this moment. Raise InputError when it ends before it begins, psycopg.Error as it is.
    """
    said = values(what) | {"because": because, "placed_by": placed_by, "until": until}
    try:
        row = conn.execute(statements.PLACE, said).fetchone()
    except CheckViolation:
        raise InputError(
            "the hold would never hold anything",
            hint="It ends after now, and a span begins before it ends: `--until`, `--from`, `--to`.",
        ) from None
    assert row is not None
    return row[0]


def release(conn: Connection[TupleRow], number: int, *, because: str, released_by: str) -> None:
    """Release a hold. Raise NotFound when there is none of this number, Refused when it was released before."""
    said = {"hold": number, "because": because, "released_by": released_by}
    row = conn.execute(statements.RELEASE, said).fetchone()
    if row and row[0]:
        return
    if number in {hold[0] for hold in listed(conn)}:
        raise Refused(f"hold {number} was released before", hint="See `lifecycle holds list`.")
    raise NotFound(f"there is no hold {number}", hint="See `lifecycle holds list`.")


def listed(conn: Connection[TupleRow]) -> Sequence[tuple[Any, ...]]:
    """Return every hold there ever was: its columns, when, by whom and why it was released, whether it ended."""
    return conn.execute(statements.ALL).fetchall()


def must_be_there(what: What, policy: Policy, catalog: Catalog) -> None:
    """Raise NotFound or InputError when it names what is not there: such a hold would hold nothing."""
    if what.subject is not None and what.subject not in policy.subjects:
        raise NotFound(
            f"the policy has no {what.subject!r}",
            hint=choices(what.subject, sorted(policy.subjects), "It has"),
        )
    if what.table is not None and what.table not in catalog.tables:
        raise NotFound(
            f"table {what.table} is not in the database",
            hint=choices(what.table, sorted(catalog.tables), "Tables are"),
        )
    tables = [catalog.tables[what.table]] if what.table else list(catalog.tables.values())
    if what.column is not None and not any(table.column(what.column) for table in tables):
        raise NotFound(
            f"{what.table or 'no table'} has {'no' if what.table else 'a'} column {what.column!r}",
            hint="Name one that is there: `lifecycle policy show`.",
        )


def of_nobody(conn: Connection[TupleRow], what: What, policy: Policy) -> bool:
    """Say whether no person of this kind has this key now. Raise psycopg.Error where it is none at all."""
    subject = policy.subjects[what.subject or ""]
    try:
        return (
            conn.execute(
                statements.person(subject.table, subject.key), {"key": what.key}
            ).fetchone()
            is None
        )
    except psycopg.DataError:
        return True
