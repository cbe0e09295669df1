"""Our own records of the requests that wait: what was known of each since it appeared, whatever its row says now.

Knows the table `lifecycle.asked`, which `noting.py` writes. A record and the application's row are held against each
other here: where one of them is without the other, that is `Lost`. Reads only, and shows references alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import notes, request_statements
from gdpr.deadline import Open
from gdpr.note import Note, request_of, together, unseal
from gdpr.notes import Begun, Entry
from gdpr.person import about
from gdpr.reach import Reach
from gdpr.section import SECTION
from gdpr.statements_of_names import own_row
from lifecycle.errors import Refused, Unproven
from lifecycle.outside.keys import ReferenceKey
from lifecycle.system import System

_OPEN = """
    select asked_id, reference, person, asked, noted_at from lifecycle.asked
     where system = %(system)s and ended_at is null order by noted_at, asked_id
"""
_SEALED = """
    select asked_id, sealed from lifecycle.asked where asked_id = any(%(ids)s) and ended_at is null
"""
_OF_PERSON = """
    select sealed from lifecycle.asked where person = %(whose)s and ended_at is null order by noted_at, asked_id
"""
_UNDER = """
    select reference, person, asked, noted_at, joined_at, ended_at, how, because, ended_by,
           extended_to, extended_because, extended_by
      from lifecycle.asked
     where system = %(system)s and reference = %(reference)s order by ended_at is not null, noted_at desc
"""

How = Literal["vanished", "answered", "another", "unreadable", "withdrawn", "again"]
"""What became of a request: its row is gone, or was closed by somebody else; its number is another one's now; whose it
is cannot be read; it was taken back; the same person has asked again, and that is open."""

FOUND: tuple[How, ...] = ("vanished", "answered", "another", "unreadable")
"""What a person must look at. The others end a record, and all is well."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One record that is open: of which request, a keyed digest of the person, when they asked, when it was noted."""

    id: int
    reference: str
    whose: str
    asked: datetime | None
    noted_at: datetime

    def is_of(
        self, key: ReferenceKey, reference: str, person: str | None, asked: datetime | None
    ) -> bool:
        """Say whether this row of the application's is the one it is about, as `Begun.is_of` has it."""
        return Begun(self.reference, self.whose, self.asked).is_of(key, reference, person, asked)


@dataclass(frozen=True, slots=True)
class Told:
    """One record, open or not, without what is sealed in it.

    `because` and `ended_by`: of one that a person ended, why and who; the three that follow, of one given more time.
    """

    reference: str
    whose: str
    asked: datetime | None
    noted_at: datetime
    joined_at: datetime
    ended_at: datetime | None
    how: str | None
    because: str | None
    ended_by: str | None
    extended_to: datetime | None
    extended_because: str | None
    extended_by: str | None

    @property
    def extension(self) -> Mapping[str, object] | None:
        """Return until when, by whom and why it was given more time, if it was."""
        said = {"until": self.extended_to, "by": self.extended_by, "because": self.extended_because}
        return said if self.extended_to else None

    @property
    def settled(self) -> Mapping[str, object] | None:
        """Return when, by whom and why it was ended by hand, if it was."""
        said = {"at": self.ended_at, "by": self.ended_by, "because": self.because}
        return said if self.how == "settled" else None


@dataclass(frozen=True, slots=True)
class Lost:
    """A record that no open row of the application's is about, and what became of that."""

    record: Asked
    how: How


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the application's, as far as it says which request it is. `request` is the application's own id."""

    request: str = field(repr=False)
    reference: str
    person: str | None = field(repr=False)
    asked: datetime | None


def row(request: Open) -> Row:
    """Return of an open request what says which one it is."""
    return Row(request.request, request.reference, request.person, request.requested)


def every(conn: Connection[TupleRow], system: System) -> tuple[Asked, ...]:
    """Return the records that are open, the oldest first."""
    rows = conn.execute(_OPEN, {"system": system.name}).fetchall()
    return tuple(Asked(*row) for row in rows)


def sealed(conn: Connection[TupleRow], records: Sequence[Asked]) -> Mapping[int, bytes]:
    """Return what is sealed in these records, by their number."""
    return dict(conn.execute(_SEALED, {"ids": [one.id for one in records]}).fetchall())


def under(conn: Connection[TupleRow], system: System, reference: str) -> tuple[Told, ...]:
    """Return all records of requests with this reference: first those that are open, then the newest."""
    rows = conn.execute(_UNDER, {"system": system.name, "reference": reference}).fetchall()
    return tuple(Told(*row) for row in rows)


def of_person(conn: Connection[TupleRow], key: ReferenceKey, person: str) -> Note | None:
    """Return what all open records of a person say together, None where there is none. Raise Unproven as `unseal`."""
    return of_digest(conn, key, notes.whose(key, person))


def of_digest(conn: Connection[TupleRow], key: ReferenceKey, whose: str) -> Note | None:
    """Return the same of the person for whom this digest stands."""
    rows = conn.execute(_OF_PERSON, {"whose": whose}).fetchall()
    return together(opened(note, key, whose) for (note,) in rows)


def opened(sealed: bytes, key: ReferenceKey, whose: str) -> Note:
    """Return a note that must be of this person. Raise Unproven where it does not open, or is of somebody else."""
    note = unseal(sealed, key)
    if notes.whose(key, note.person) != whose:
        raise Unproven(
            "a sealed note is of another person than its record",
            hint="Somebody exchanged it: see who wrote there.",
        )
    return note


def known(conn: Connection[TupleRow], key: ReferenceKey, person: str) -> Note | None:
    """Return all that is known of a person from before now: since they asked, and since their erasure was begun."""
    return together((notes.of_person(conn, key, person), of_person(conn, key, person)))


def readable(conn: Connection[TupleRow]) -> bool | None:
    """Say whether this login may read the records. None in a database that was set up before there were any."""
    return notes.may_read(conn, "asked")


def whom(
    conn: Connection[TupleRow],
    reach: Reach,
    system: System,
    key: ReferenceKey,
    row: Row,
    entry: Entry | None,
) -> str | None:
    """Return whose erasure a request asks for; None where nobody knows, or where it was proven.

    By its erasure, where one was begun; by its row; and where that names nobody, by our record, if the person's own row
    is gone: the application took the person away before we did, and may have left a part. Raise Refused where it is
    there still: by our memory alone nobody is erased.
    """
    if entry is not None:
        return entry.note.person if entry.note else row.person
    if row.person is not None:
        return row.person
    found = [one for one in every(conn, system) if one.is_of(key, row.reference, None, row.asked)]
    there = sealed(conn, found)
    people = {opened(there[one.id], key, one.whose).person for one in found}
    if not people:
        return None
    who = people.pop()
    if people or conn.execute(own_row(reach, of_kind=False), about(who)).fetchone():
        raise Refused(
            "it names nobody any more, and whom it named when it appeared is there still",
            hint="Put the person back into the request, or set it to the word for `cancelled` if they took it back: "
            "nobody is erased for what we remember alone.",
        )
    return who


def lost(
    conn: Connection[TupleRow],
    system: System,
    key: ReferenceKey,
    there: Sequence[Row],
    begun: Sequence[Begun],
) -> tuple[Lost, ...]:
    """Return the records that none of the open rows `there` is about.

    Without those of people whose erasure was `begun`, under whichever request: its proof ends all of them.
    """
    by_reference: dict[str, list[Row]] = {}
    for row in there:
        by_reference.setdefault(row.reference, []).append(row)
    taken = {one.whose for one in begun}
    left = [
        one
        for one in every(conn, system)
        if one.whose not in taken
        and not any(
            one.is_of(key, row.reference, row.person, row.asked)
            for row in by_reference.get(one.reference, ())
        )
    ]
    if not left:
        return ()
    asking = {notes.whose(key, row.person) for row in there if row.person is not None}
    rows = _rows(conn, system, key, left)
    return tuple(Lost(one, _how(key, one, rows, asking)) for one in left)


@dataclass(frozen=True, slots=True)
class _Closed:
    person: str | None = field(repr=False)
    asked: datetime | None
    answered: bool
    withdrawn: bool


def _rows(
    conn: Connection[TupleRow], system: System, key: ReferenceKey, left: Sequence[Asked]
) -> Mapping[str, _Closed | None]:
    """Return what stands in the application's rows of these records: None where there is no row."""
    erasure = SECTION.of(system.policy)
    assert erasure is not None  # without it nobody could have asked
    notes_of = sealed(conn, left)
    ids = dict(_ids(key, left, notes_of))
    query = request_statements.requests_by_key(erasure.requests)
    values = erasure.requests.states.model_dump() | {"requests": list(ids.values())}
    there = {
        request: _Closed(person, asked, answered, withdrawn)
        for request, person, asked, _due, answered, withdrawn, _begun in conn.execute(query, values)
    }
    return {reference: there.get(request) for reference, request in ids.items()}


def _ids(
    key: ReferenceKey, left: Sequence[Asked], notes_of: Mapping[int, bytes]
) -> Iterator[tuple[str, str]]:
    for one in left:
        try:
            yield one.reference, request_of(notes_of[one.id], key)
        except Unproven:
            continue


def _how(
    key: ReferenceKey, one: Asked, rows: Mapping[str, _Closed | None], asking: set[str]
) -> How:
    if one.reference not in rows:
        return "unreadable"
    row = rows[one.reference]
    theirs = row is not None and one.is_of(key, one.reference, row.person, row.asked)
    if row is None or not theirs:
        if one.whose in asking:
            return "again"
        return "vanished" if row is None else "another"
    return "withdrawn" if row.withdrawn else "answered"
