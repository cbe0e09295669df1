"""The sealed notes of erasures that were begun: what a resumed run must know about a person whose rows are gone.

Knows the table `lifecycle.erasure`; how a note is sealed says `note.py`. A note is emptied when the erasure is
proven. Never decides anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from gdpr import statements_of_notes as statements
from gdpr.note import Note, together, unseal
from lifecycle.errors import Refused
from lifecycle.outside.keys import ReferenceKey


@dataclass(frozen=True, slots=True)
class Entry:
    """One erasure as the database remembers it; `note` is None once it is proven. `whose`: a keyed digest."""

    reference: str
    whose: str
    request: str
    requests: tuple[str, ...]
    state: str
    note: Note | None
    erased_at: datetime | None
    proven_at: datetime | None
    tables: Mapping[str, int]
    asked: datetime | None


@dataclass(frozen=True, slots=True)
class Begun:
    """An erasure that is not proven: of which request, a keyed digest of the person, and when they had asked."""

    reference: str
    whose: str
    asked: datetime | None

    def is_of(
        self, key: ReferenceKey, reference: str, person: str | None, asked: datetime | None
    ) -> bool:
        """Say whether this request asks for it, and is not another one that has its number now.

        The person decides. A request that names nobody, as an erasure leaves it, is known by the moment it was made;
        one without such a moment cannot be worked on, and counts as its own.
        """
        if self.reference != reference:
            return False
        if person is not None:
            return self.whose == whose(key, person)
        return asked is None or self.asked == asked


def whose(key: ReferenceKey, person: str) -> str:
    """Return what stands for a person in the notes."""
    return key.reference("person", person)


def readable(conn: Connection[TupleRow]) -> bool | None:
    """Say whether this login may read the notes. None where nothing is installed, so that there are none."""
    return may_read(conn, "erasure")


def may_read(conn: Connection[TupleRow], table: str) -> bool | None:
    """Say the same of one table of ours."""
    row = conn.execute(statements.READABLE, {"table": table}).fetchone()
    return None if row is None else bool(row[0])


def marks(conn: Connection[TupleRow]) -> tuple[frozenset[str], datetime | None]:
    """Return what stands for each person whose erasure was begun, and when the last was erased without such a mark."""
    row = conn.execute(statements.MARKS).fetchone()
    assert row is not None
    return frozenset(row[0]), row[1]


def begun(conn: Connection[TupleRow]) -> tuple[Begun, ...]:
    """Return every erasure that is not proven, the oldest first."""
    return tuple(Begun(*row) for row in conn.execute(statements.BEGUN).fetchall())


def find(
    conn: Connection[TupleRow],
    key: ReferenceKey,
    reference: str,
    person: str | None,
    asked: datetime | None,
) -> Entry | None:
    """Return the erasure that a request asks for, or None when none was begun.

    What was proven is over: whoever is named in the request now is erased anew. Raise Refused when the request names
    nobody and nobody can tell which of several erasures is meant.
    """
    rows = conn.execute(statements.FIND, {"reference": reference}).fetchall()
    fit = [row for row in rows if Begun(reference, *row[7:]).is_of(key, reference, person, asked)]
    going_on = [row for row in fit if row[2] != "proven"]
    if len(going_on) > 1:
        raise Refused(
            "it names nobody, and erasures of several people were begun under its number",
            hint="Put the person back into the request whom it is about.",
        )
    chosen = going_on or (fit if person is None else [])
    return _entry(key, reference, chosen[0]) if chosen else None


def of_person(conn: Connection[TupleRow], key: ReferenceKey, person: str) -> Note | None:
    """Return what all erasures of a person that are not proven know together, None where none was begun.

    Who asked twice may have two notes: each request asks for everything of the person, and one proof ends both.
    """
    return of_digest(conn, key, whose(key, person))


def of_digest(conn: Connection[TupleRow], key: ReferenceKey, whose: str) -> Note | None:
    """Return the same of the person for whom this digest stands."""
    rows = conn.execute(statements.OF_PERSON, {"whose": whose}).fetchall()
    return together(unseal(sealed, key) for (sealed,) in rows)


def under(conn: Connection[TupleRow], key: ReferenceKey, reference: str) -> tuple[Entry, ...]:
    """Return every erasure that had this reference: first those not proven, then the one proven last."""
    rows = conn.execute(statements.FIND, {"reference": reference}).fetchall()
    return tuple(_entry(key, reference, row) for row in rows)


def _entry(key: ReferenceKey, reference: str, row: TupleRow) -> Entry:
    request, requests, state, sealed, erased_at, proven_at, tables, person, at = row
    note = unseal(sealed, key) if sealed is not None else None
    asked_for = tuple(requests)
    return Entry(
        reference, person, request, asked_for, state, note, erased_at, proven_at, tables, at
    )


def put(
    conn: Connection[TupleRow],
    key: ReferenceKey,
    reference: str,
    request: str,
    asked: datetime,
    note: Note,
) -> None:
    """Write the note, or a fuller one, before the first thing of it is erased."""
    values = {"reference": reference, "request": request, "requests": [request], "asked": asked}
    conn.execute(
        statements.SEAL, values | {"whose": whose(key, note.person), "sealed": note.seal(key)}
    )


def mark_erased(
    conn: Connection[TupleRow],
    reference: str,
    whose: str,
    requests: tuple[str, ...],
    tables: Mapping[str, int],
) -> None:
    """Note that the rows are gone, in the transaction in which they go, with those that went in earlier nights."""
    values = {"reference": reference, "whose": whose, "requests": list(requests)}
    conn.execute(statements.ERASED, values | {"tables": Jsonb(dict(tables))})


def mark_proven(conn: Connection[TupleRow], whose: str, proof: Mapping[str, Any]) -> frozenset[str]:
    """Empty every note of the person, in the transaction that answers, and keep what the proof has looked at.

    Return the requests that asked for it.
    """
    rows = conn.execute(statements.PROVEN, {"whose": whose, "proof": Jsonb(dict(proof))}).fetchall()
    return frozenset(request for (requests,) in rows for request in requests)
