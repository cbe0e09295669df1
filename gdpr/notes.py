"""The sealed note of one erasure: what a resumed run must know about a person whose rows are gone.

Knows the table `lifecycle.erasure` and how the note is sealed. The note is unreadable without the reference
key, which is not in the database, and is emptied when the erasure is proven. Never decides anything.
"""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from gdpr import statements_of_notes as statements
from lifecycle.errors import Refused
from lifecycle.outside.keys import ReferenceKey

Lists = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Note:
    """Who is erased: key, identifiers, customers that go with them, keys of objects by bucket. Never printed.

    `led`: where a reference leads -> what it may hold of rows of theirs. `weak`: names that others may have, too: they
    are looked for to be shown to a person, and decide nothing. `known_to`: recipient -> their id there.
    """

    person: str = field(repr=False)
    identifiers: tuple[str, ...] = field(repr=False)
    payers: tuple[str, ...] = field(repr=False)
    objects: Lists = field(repr=False)
    led: Lists = field(default_factory=dict[str, tuple[str, ...]], repr=False)
    weak: tuple[str, ...] = field(default=(), repr=False)
    known_to: Lists = field(default_factory=dict[str, tuple[str, ...]], repr=False)

    def needles(self) -> tuple[str, ...]:
        """Return the values that must be found nowhere afterwards."""
        return (self.person, *self.identifiers, *self.payers)

    def without(self, shared: Iterable[str]) -> "Note":
        """Return the note without these identifiers."""
        gone = frozenset(shared)
        return replace(self, identifiers=tuple(i for i in self.identifiers if i not in gone))

    def joined(self, other: "Note") -> "Note":
        """Return what both say together of one person."""
        identifiers = tuple(dict.fromkeys((*self.identifiers, *other.identifiers)))
        return Note(
            self.person,
            identifiers,
            tuple(dict.fromkeys((*self.payers, *other.payers))),
            _joined(self.objects, other.objects),
            _joined(self.led, other.led),
            tuple(dict.fromkeys((*self.weak, *other.weak))),
            _joined(self.known_to, other.known_to),
        )

    def covers(self, other: "Note") -> bool:
        """Say whether nothing stands in `other` that does not stand here."""
        lists = (
            (self.objects, other.objects),
            (self.led, other.led),
            (self.known_to, other.known_to),
        )
        return (
            set(other.identifiers) <= set(self.identifiers)
            and set(other.payers) <= set(self.payers)
            and all(
                set(values) <= set(mine.get(name, ()))
                for mine, theirs in lists
                for name, values in theirs.items()
            )
        )

    def seal(self, key: ReferenceKey) -> bytes:
        """Return the note encrypted."""
        plain = {
            "person": [self.person],
            "identifiers": list(self.identifiers),
            "payers": list(self.payers),
            "weak": list(self.weak),
        }
        plain |= {f"objects {b}": list(keys) for b, keys in self.objects.items()}
        plain |= {f"known_to {to}": list(ids) for to, ids in self.known_to.items()}
        return key.seal(plain | {f"led {end}": list(values) for end, values in self.led.items()})


def _joined(one: Lists, other: Lists) -> dict[str, tuple[str, ...]]:
    names = dict.fromkeys((*one, *other))
    return {n: tuple(dict.fromkeys((*one.get(n, ()), *other.get(n, ())))) for n in names}


def unseal(sealed: bytes, key: ReferenceKey) -> Note:
    """Return the note. Raise Unproven when it does not open with this key."""
    plain = key.unseal(sealed)

    def by_name(word: str) -> dict[str, tuple[str, ...]]:
        return {
            name.removeprefix(word): tuple(values)
            for name, values in plain.items()
            if name.startswith(word)
        }

    identifiers, payers = tuple(plain["identifiers"]), tuple(plain["payers"])
    weak = tuple(plain.get("weak", ()))  # notes of earlier releases have none
    led, known_to = by_name("led "), by_name("known_to ")
    person = plain["person"][0]
    return Note(person, identifiers, payers, by_name("objects "), led, weak, known_to)


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
    row = conn.execute(statements.READABLE).fetchone()
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
    asked: datetime,
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
    known = [unseal(sealed, key) for (sealed,) in rows]
    return functools.reduce(Note.joined, known) if known else None


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
