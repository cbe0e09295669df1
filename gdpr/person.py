"""Counts what one person's erasure would touch, and reads the values that must be found nowhere afterwards.

Reads only. Never decides: `plan.py` judges what is found here, for everybody of the night whom `survey.py` looks at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from audit import anonymise
from audit.anonymise import Person
from gdpr import batches, far, given, goes_by, held, references, statements, tombstone
from gdpr import statements_of_names as names
from gdpr import statements_of_outside as outside
from gdpr.batches import Batches
from gdpr.note import Note
from gdpr.reach import Reach
from gdpr.rows import hanging, mentioning, owned
from lifecycle.holds.hold import Hold
from lifecycle.postgres.shape import ForeignKey


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows go, are cleared, mention (by `table.column`), and hang (by `table (columns -> table)`).

    `keys`: a digest of the keys of each of these, as as many rows are not the same rows. `packed`: how the rows of
    compressed tables stand there.
    """

    deleted: Mapping[str, int]
    kept: Mapping[str, int]
    mentions: Mapping[str, int]
    hanging: Mapping[str, int]
    keys: Mapping[str, str]
    packed: Mapping[str, Batches] = field(default_factory=dict[str, Batches])

    def erased(self) -> dict[str, int]:
        """Return table -> the person's own rows that go, where there are any."""
        return {table: rows for table, rows in self.deleted.items() if rows}

    def by_table(self) -> dict[str, int]:
        """Return table -> rows deleted or changed, for every table in which there are any."""
        found: dict[str, int] = {}
        of_mentions = ((name.rpartition(".")[0], rows) for name, rows in self.mentions.items())
        for table, rows in (*self.deleted.items(), *self.kept.items(), *of_mentions):
            found[table] = found.get(table, 0) + rows
        return {table: rows for table, rows in found.items() if rows}


@dataclass(frozen=True, slots=True)
class Noted:
    """What one person goes by and has outside the database: `note`, which is never printed.

    `payers_kept`: customers that others share. `objects_kept`: objects that another person's row names as well.
    """

    note: Note
    payers_kept: int
    objects_kept: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found about one person. `audit_keys`: a digest of which rows of the log these are; else as `Noted`.

    `known`: the note with what nobody else goes by, which is searched for. `ambiguous`: identifiers that another person
    goes by too, so they are not. `on_hold`: why it has to wait, `doubtful`: of which rows nobody can say whose they
    are, `no_stone`: why nobody stands for the person, `far`: which rows lie on another server, in words. `redacted`:
    rows of others that lose a value by `table.columns`, and `redacted_keys` a digest of which.
    """

    note: Note
    known: Note
    rows: Rows
    audit_rows: int
    audit_keys: str
    payers_kept: int
    objects_kept: int
    ambiguous: int
    sees_all: bool
    on_hold: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    no_stone: tuple[str, ...] = ()
    redacted: Mapping[str, int] = field(default_factory=dict[str, int])
    redacted_keys: Mapping[str, str] = field(default_factory=dict[str, str])
    far: tuple[str, ...] = ()

    def changed(self) -> int:
        """Return how many rows would be deleted or changed, the log's included: what the cap is held against."""
        return sum(self.rows.by_table().values()) + sum(self.redacted.values()) + self.audit_rows


def survey(
    conn: Connection[TupleRow],
    reach: Reach,
    person: str,
    earlier: Note | None,
    holds: tuple[Hold, ...],
) -> Survey | None:
    """Return what there is of a person, or None when neither their own row nor an earlier note says who it is.

    `holds` are those that stand. Raise Refused where compressed rows cannot be read.
    """
    batches.must_be_readable(conn, reach)
    found = noted(conn, reach, person, earlier)
    if found is None:
        return None
    known = searched(conn, reach, found.note)
    ambiguous = len(found.note.identifiers) - len(known.identifiers)
    rows = count(conn, reach, person, keys=True)
    authored = sum(rows.mentions[m.name] for m in reach.mentions if m.stone is not None)
    logged, which = anonymise.which(conn, reach.policy, reach.catalog, as_person(reach, known))
    return Survey(
        found.note,
        known,
        rows,
        logged,
        which,
        found.payers_kept,
        found.objects_kept,
        ambiguous,
        bool(_column(conn, statements.SEES_ALL, {})[0]),
        held.held(conn, reach, holds, about(person)),
        (
            *references.doubtful(conn, reach, about(person)),
            *goes_by.doubtful(conn, reach, person),
        ),
        tuple(tombstone.against(conn, reach, about(person), authored)),
        far=far.rows(conn, reach, about(person)),
    )


def noted(
    conn: Connection[TupleRow], reach: Reach, person: str, earlier: Note | None = None
) -> Noted | None:
    """Return what a person goes by and has outside the database now, or None when nothing says who it is.

    Raise Refused where the key is that of somebody of another kind.

    What an `earlier` attempt had noted stays noted: the application may have removed it meanwhile, and half
    of it may still be there. Where their own row is gone, rows that came late may still name an object of theirs.
    """
    found = named(conn, reach, person, earlier)
    if found is None:
        return None
    now = Note(person, (), (), {}, references.noted(conn, reach, about(person)))
    led = now if earlier is None else now.joined(earlier)
    return replace(found, note=replace(found.note, led=led.led))


def named(
    conn: Connection[TupleRow], reach: Reach, person: str, earlier: Note | None = None
) -> Noted | None:
    """Return the same without where references lead, which is asked of all rows of the person."""
    called = goes_by.names(conn, reach, person)
    if not called.there and earlier is None:
        return None
    before = earlier or Note(person, (), (), {})
    going, staying = payers(conn, reach, person)
    going += payers_left(conn, reach, person, before.payers)
    objects, objects_kept = object_keys(conn, reach, person, before.objects)
    told = given.known_to(conn, reach, about(person))
    known = Note(person, called.strong, (), {}, {}, called.weak, told).joined(before)
    note = replace(known, payers=tuple(dict.fromkeys(going)), objects=objects, led={})
    return Noted(note, len(staying), objects_kept)


def searched(conn: Connection[TupleRow], reach: Reach, note: Note) -> Note:
    """Return the note with those identifiers alone that nobody else goes by now: the others prove nothing.

    Asked whenever a note is used: since it was sealed somebody may have signed up by the same name, or have got the
    address, and what names them says nothing about the person who is erased.
    """
    cases = [(i, case) for i in note.identifiers for case in anonymise.cases(i)]
    values = about(note.person) | {
        "values": [identifier for identifier, _ in cases],
        "cases": [case for _, case in cases],
    }
    return note.without(_column(conn, names.others(reach), values))


def about(person: str) -> dict[str, Any]:
    """Return the parameters that name the person in this room's statements."""
    return {"subject": person, "subject_text": person}


def as_person(reach: Reach, note: Note) -> Person:
    """Return the person as the audit room knows them."""
    return Person(reach.kind, note.person, note.needles()[1:])


def count(conn: Connection[TupleRow], reach: Reach, person: str, *, keys: bool) -> Rows:
    """Return how many rows each part of the erasure touches now, with `keys` also which.

    Without, those of compressed tables are counted as batches tell of them, and none is read.
    """
    packed = {table: batches.count(conn, reach, table, about(person)) for table in reach.compressed}
    plain = [table for table in reach.deleted if keys or table not in packed]
    parts = [
        [(table, table, owned(reach, table)) for table in plain],
        [(table, table, owned(reach, table)) for table in reach.kept],
        [(m.name, m.table, mentioning(reach, m)) for m in reach.mentions],
        [(_pointer(k), k.table, hanging(reach, k)) for k in reach.hanging],
    ]
    query = statements.count_each(reach, [one[1:] for part in parts for one in part], keys=keys)
    answers = iter(answered(conn, query, about(person)))
    found = [{where: next(answers)[0] for where, _, _ in part} for part in parts]
    deleted, kept, mentions, hanging_rows = (
        {where: int(one[0]) for where, one in part.items()} for part in found
    )
    which = {where: " ".join(one) for part in found for where, one in part.items()}
    of_packed = {table: there.rows for table, there in packed.items()}
    going = {table: (of_packed | deleted)[table] for table in reach.deleted}
    return Rows(going, kept, mentions, hanging_rows, which if keys else {}, packed)


def answered(
    conn: Connection[TupleRow], query: sql.Composed, values: Mapping[str, Any]
) -> list[TupleRow]:
    """Return the answer to a question about many tables, planned for anybody: once, and by the indexes.

    Where somebody has a good part of a small table's rows, all of it would be read.
    """
    with conn.pipeline():
        conn.execute(statements.FOR_ANYBODY)
        asked = conn.execute(query, values, prepare=True)
        conn.execute(statements.AS_EVER)
        return asked.fetchall()


def _pointer(key: ForeignKey) -> str:
    return f"{key.table} ({', '.join(key.columns)} -> {key.referenced})"


def object_keys(
    conn: Connection[TupleRow],
    reach: Reach,
    person: str,
    earlier: Mapping[str, tuple[str, ...]],
) -> tuple[dict[str, tuple[str, ...]], int]:
    """Return (bucket -> keys of the person's objects, how many stay because another's row names them too)."""
    holders = [(n, t.bucket) for n, t in reach.policy.tables.items() if t.objects and t.bucket]
    found: dict[str, set[str]] = {bucket: set(keys) for bucket, keys in earlier.items()}
    for table, bucket in holders:
        keys = _column(conn, outside.object_keys(reach, table), about(person))
        found.setdefault(bucket, set()).update(keys)
    kept = 0
    for table, bucket in holders:
        if not found[bucket]:
            continue
        values = about(person) | {"keys": sorted(found[bucket])}
        others = set(_column(conn, outside.others_object_keys(reach, table), values))
        kept += len(others & found[bucket])
        found[bucket] -= others
    return {bucket: tuple(sorted(keys)) for bucket, keys in found.items() if keys}, kept


def payers(
    conn: Connection[TupleRow], reach: Reach, person: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (customers that go with the person, customers that others share)."""
    if reach.subject.payer is None:
        return (), ()
    query = outside.payers(reach, reach.subject.payer.column)
    rows = conn.execute(query, about(person)).fetchall()
    going = tuple(customer for customer, goes in rows if goes)
    return going, tuple(customer for customer, goes in rows if not goes)


def payers_left(
    conn: Connection[TupleRow], reach: Reach, person: str, earlier: tuple[str, ...]
) -> tuple[str, ...]:
    """Return those of the customers that went with the person `earlier` which nobody else has now.

    Somebody may have joined since, or stayed where the person has left.
    """
    if reach.subject.payer is None or not earlier:
        return ()
    query = outside.others_payers(reach, reach.subject.payer.column)
    others = _column(conn, query, about(person) | {"customers": list(earlier)})
    return tuple(customer for customer in earlier if customer not in others)


def _column(conn: Connection[TupleRow], statement: Any, values: dict[str, Any]) -> list[Any]:
    return [row[0] for row in conn.execute(statement, values).fetchall()]
