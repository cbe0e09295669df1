"""Places holds and releases them, and lists them all. Neither is ever changed; each is a line of its own."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.errors import CheckViolation
from psycopg.rows import TupleRow

from lifecycle import clock
from lifecycle.errors import Conflict, InputError, NotFound, Refused
from lifecycle.holds import gate, statements
from lifecycle.holds.hold import What, values
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Catalog
from lifecycle.words import choices

PATIENCE = timedelta(minutes=2)
"""How long a hold waits for those who had begun to destroy before: a batch takes a moment, an erasure some seconds."""

_LOOK = 0.05
"""Seconds between two looks at who is still at work."""


def place(
    conn: Connection[TupleRow],
    what: What,
    *,
    because: str,
    placed_by: str,
    until: datetime | None,
) -> int:
    """Place a hold and return its number: what is on hold now, nothing destroys that had not been destroyed before.

    Whoever begins to destroy from here on sees it. Waits for those who had begun before, and keeps nobody waiting.
    Raise InputError when it ends before it begins, Conflict when some are still at it after PATIENCE, psycopg.Error.
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
    _wait_for_those_at_work(conn, row[0])
    return row[0]


def _wait_for_those_at_work(conn: Connection[TupleRow], number: int) -> None:
    begun = set(conn.execute(statements.AT_WORK).fetchall())
    began = clock.monotonic()
    while begun & set(conn.execute(statements.AT_WORK).fetchall()):
        if clock.monotonic() - began > PATIENCE.total_seconds():
            raise Conflict(
                f"hold {number} is placed, and a run that had begun to destroy before goes on still",
                hint="Nothing that begins from now on destroys what it is on. `lifecycle runs list` shows what is "
                "running; look there before you rely on the hold.",
            )
        time.sleep(_LOOK)


def release(conn: Connection[TupleRow], number: int, *, because: str, released_by: str) -> None:
    """Release a hold. Raise NotFound when there is none of this number, Refused when it was released before."""
    said = {"hold": number, "because": because, "released_by": released_by}
    row = conn.execute(statements.RELEASE, said).fetchone()
    if row and row[0]:
        return
    if number in {hold[0] for hold in listed(conn)}:
        raise Refused(f"hold {number} was released before", hint="See `lifecycle holds list`.")
    raise NotFound(f"there is no hold {number}", hint="See `lifecycle holds list`.")


def forget(conn: Connection[TupleRow], kind: str, person: str, values: Sequence[str]) -> None:
    """Empty a person's key and values in every hold that has ended, in the caller's transaction."""
    said = {"kind": kind, "person": person, "those": list(values)}
    conn.execute(statements.FORGET, said)


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


def of_somebody(conn: Connection[TupleRow], what: What, policy: Policy) -> What | None:
    """Return a person's hold with their key as the database spells it; None where no person of this kind has it now."""
    subject = policy.subjects[what.subject or ""]
    try:
        question = statements.person(subject.table, subject.key)
        row = conn.execute(question, {"key": what.key}).fetchone()
    except psycopg.DataError:
        return None
    return None if row is None else replace(what, key=row[0])


def covered(
    conn: Connection[TupleRow], number: int, policy: Policy, picture: Catalog
) -> dict[str, int]:
    """Return how many rows of which table a hold is on now; tables without any are left out."""
    those = [hold for hold in gate.known(conn) if hold.number == number]
    found: dict[str, int] = {}
    for table in picture.tables:
        held = gate.on(those, policy, picture, table)
        if held.rows is not None:
            row = conn.execute(statements.count(table, held.rows), held.keys).fetchone()
            found[table] = row[0] if row else 0
    return {table: rows for table, rows in found.items() if rows}
