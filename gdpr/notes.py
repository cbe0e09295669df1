"""The sealed note of one erasure: what a resumed run must know about a person whose rows are gone.

Knows the table `lifecycle.erasure` and how the note is sealed. The note is unreadable without the reference
key, which is not in the database, and is emptied when the erasure is proven. Never decides anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from lifecycle.outside.keys import ReferenceKey

_FIND = """
    select request, requests, state, sealed, erased_at, proven_at, tables
      from lifecycle.erasure where reference = %(reference)s
"""
_SEAL = """
    insert into lifecycle.erasure (reference, request, requests, state, sealed)
    values (%(reference)s, %(request)s, %(requests)s, 'sealed', %(sealed)s)
        on conflict (reference) do update
       set requests = excluded.requests, sealed = excluded.sealed where erasure.state = 'sealed'
"""
_ERASED = """
    update lifecycle.erasure
       set state = 'erased', erased_at = clock_timestamp(), requests = %(requests)s, tables = %(tables)s
     where reference = %(reference)s and state = 'sealed'
"""
_PROVEN = """
    update lifecycle.erasure set state = 'proven', proven_at = clock_timestamp(), sealed = null
     where reference = %(reference)s and state = 'erased'
"""


@dataclass(frozen=True, slots=True)
class Note:
    """Who is erased: key, identifiers, customers that go with them, keys of objects by bucket. Never printed."""

    person: str = field(repr=False)
    identifiers: tuple[str, ...] = field(repr=False)
    payers: tuple[str, ...] = field(repr=False)
    objects: Mapping[str, tuple[str, ...]] = field(repr=False)

    def needles(self) -> tuple[str, ...]:
        """Return the values that must be found nowhere afterwards."""
        return (self.person, *self.identifiers, *self.payers)

    def seal(self, key: ReferenceKey) -> bytes:
        """Return the note encrypted."""
        plain = {
            "person": [self.person],
            "identifiers": list(self.identifiers),
            "payers": list(self.payers),
        }
        return key.seal(plain | {f"objects {b}": list(keys) for b, keys in self.objects.items()})


def unseal(sealed: bytes, key: ReferenceKey) -> Note:
    """Return the note. Raise Unproven when it does not open with this key."""
    plain = key.unseal(sealed)
    objects = {
        name.removeprefix("objects "): tuple(keys)
        for name, keys in plain.items()
        if name.startswith("objects ")
    }
    return Note(plain["person"][0], tuple(plain["identifiers"]), tuple(plain["payers"]), objects)


@dataclass(frozen=True, slots=True)
class Entry:
    """One erasure as the database remembers it; `note` is None once it is proven."""

    reference: str
    request: str
    requests: tuple[str, ...]
    state: str
    note: Note | None
    erased_at: datetime | None
    proven_at: datetime | None
    tables: Mapping[str, int]


def find(conn: Connection[TupleRow], key: ReferenceKey, reference: str) -> Entry | None:
    """Return the erasure with this reference, or None when none was begun."""
    row = conn.execute(_FIND, {"reference": reference}).fetchone()
    if row is None:
        return None
    request, requests, state, sealed, erased_at, proven_at, tables = row
    note = unseal(sealed, key) if sealed is not None else None
    return Entry(reference, request, tuple(requests), state, note, erased_at, proven_at, tables)


def put(
    conn: Connection[TupleRow],
    key: ReferenceKey,
    reference: str,
    request: str,
    requests: tuple[str, ...],
    note: Note,
) -> None:
    """Write the note, or a fuller one, before the first thing is erased."""
    values = {"reference": reference, "request": request, "requests": list(requests)}
    conn.execute(_SEAL, values | {"sealed": note.seal(key)})


def mark_erased(
    conn: Connection[TupleRow], reference: str, requests: tuple[str, ...], tables: Mapping[str, int]
) -> None:
    """Note that the rows are gone, in the transaction in which they go."""
    values = {"reference": reference, "requests": list(requests), "tables": Jsonb(dict(tables))}
    conn.execute(_ERASED, values)


def mark_proven(conn: Connection[TupleRow], reference: str) -> None:
    """Empty the note, in the transaction that answers the request."""
    conn.execute(_PROVEN, {"reference": reference})
