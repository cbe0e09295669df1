"""Whom an export is of, what there is of them in one moment, and what is left out of it with the reason. Reads only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from audit import anonymise
from audit.section import SECTION as AUDIT
from gdpr import batches, notes, person, places, references, statements, who
from gdpr.export.statements import size
from gdpr.note import Note
from gdpr.person import Rows, about
from gdpr.reach import Reach, reach
from gdpr.rows import shared
from gdpr.section import SECTION
from lifecycle.errors import Conflict, NotFound, Refused
from lifecycle.outside.keys import ReferenceKey
from lifecycle.postgres import catalog
from lifecycle.system import System
from lifecycle.words import counted


@dataclass(frozen=True, slots=True)
class Subject:
    """One person with what there is of them. `left_out`: what is not in the export -> why, in words.

    `rows` is what the plan of an erasure counts, in this same moment; `size` is of its files, unpacked,
    in bytes.
    """

    reach: Reach
    note: Note
    rows: Rows
    size: int
    left_out: Mapping[str, str]

    @property
    def tables(self) -> tuple[str, ...]:
        """Return the tables of which rows are given: those whose rows an erasure would delete or keep."""
        return (*self.reach.deleted, *self.reach.kept)


def subject(
    system: System, conn: Connection[TupleRow], key: ReferenceKey, kind: str | None, typed: str
) -> Subject:
    """Return it. `typed` is the person's key.

    Raise InputError when nobody can tell the kind; NotFound for nobody, somebody of another kind, or who is erased
    already; Conflict when their erasure has begun; Refused when the policy does not fit, says what an erasure cannot
    carry out, or nobody can say whose a row is.
    """
    kind = who.kind_of(system.policy, kind)
    found = reach(system.policy, catalog.read(conn), kind)
    batches.must_be_readable(conn, found)
    one = _who(conn, found, key, typed)
    if doubts := references.doubtful(conn, found, about(one)):
        raise Refused("; ".join(doubts), hint="Nothing was given away.")
    noted = person.noted(conn, found, one)
    assert noted is not None  # the row is there, in this same moment
    rows = person.count(conn, found, one, keys=True)
    given = {**rows.deleted, **rows.kept}
    of_bytes = sum(_bytes(conn, found, table, many, one) for table, many in given.items())
    left_out = dict(_left_out(conn, found, noted.note, rows, noted.objects_kept))
    return Subject(found, noted.note, rows, of_bytes, left_out)


def _bytes(conn: Connection[TupleRow], found: Reach, table: str, many: int, one: str) -> int:
    """Return about how many bytes so many rows are as JSON, which names every column, and as CSV."""
    names = sum(len(column.name) + 6 for column in found.table(table).columns)
    return 2 * _number(conn, size(found, table), one) + many * names


def _who(conn: Connection[TupleRow], found: Reach, key: ReferenceKey, typed: str) -> str:
    """Return the person's key as PostgreSQL writes it. Raise NotFound with what is known instead, and Conflict."""
    erasure = SECTION.of(found.policy)
    erases = erasure is not None and erasure.subject == found.kind
    try:
        one = who.person_of(conn, found, typed)
    except NotFound:
        if erases and notes.whose(key, who.spelled(found, typed)) in notes.marks(conn)[0]:
            raise NotFound(
                f"this {found.kind} is erased, so there is nothing left to give",
                hint="`lifecycle gdpr verify REQUEST` says when nothing was found of them any more.",
            ) from None
        for kind in found.policy.subjects:
            if kind != found.kind and _is_of(conn, found, kind, typed):
                raise NotFound(
                    f"no {found.kind} has the key that was given, but a {kind} has",
                    hint=f"If it is theirs that is wanted, add `--kind {kind}`.",
                ) from None
        raise
    if erases and notes.of_person(conn, key, one) is not None:
        raise Conflict(
            f"the erasure of this {found.kind} has begun, so that a part of what is theirs may be gone",
            hint="Nothing was given away. An export comes before the end of the grace, not after.",
        )
    return one


def _is_of(conn: Connection[TupleRow], found: Reach, kind: str, typed: str) -> bool:
    try:
        who.person_of(conn, replace(found, kind=kind), typed)
    except NotFound:
        return False
    return True


def _left_out(
    conn: Connection[TupleRow], found: Reach, note: Note, rows: Rows, objects_kept: int
) -> Iterator[tuple[str, str]]:
    """Yield what is not given, in words, each with the reason."""
    yield from _rows_left_out(conn, found, note, rows)
    if objects_kept:
        yield counted(objects_kept, "object"), "rows of others name the same ones"
    if note.objects:
        yield "earlier versions of objects", "only the newest of each is given"
    if note.payers:
        yield "what the payment processor holds", "ask there; your number there is in your rows"
    if places.archives(found):
        yield "rows that were archived", "they have left the database for an archive of many people"


def _rows_left_out(
    conn: Connection[TupleRow], found: Reach, note: Note, rows: Rows
) -> Iterator[tuple[str, str]]:
    for table in (*found.deleted, *found.kept):
        theirs = shared(found, table)
        number = theirs and _number(conn, statements.count(found, table, theirs), note.person)
        if number:
            yield f"{table}: {counted(number, 'row')}", "others share them, so they are not given"
    for name, number in rows.mentions.items():
        if number:
            why = "they only lead to you or to what is yours"
            yield f"{name}: {counted(number, 'row')} of others", why
    if log := AUDIT.of(found.policy):
        logged = anonymise.left(conn, found.policy, found.catalog, person.as_person(found, note))
        why = "the log of changes says what others did as well; an erasure takes you out of it"
        yield f"{log.table}: {counted(logged, 'row')}", why


def _number(conn: Connection[TupleRow], query: sql.Composed, one: str) -> int:
    row = conn.execute(query, about(one)).fetchone()
    return int(row[0]) if row else 0
