"""What a person has to decide before the rows of a table go with somebody: all that a draft is not sure of.

Pure. A wrong line deletes rows that are about somebody else, with the verdict `pass`. So a line is sure only where the
schema says it twice, or the schema and the rows say the same, and nothing says otherwise.

    visits.patient_id -> patients       sure: named like the key, nobody else stands in the row
    pressures.nurse_id -> users         not: 12 users in 4,000 rows wrote them, and are not whom they are about
    messages.sender_id, .reader_id      not: two people, and the row is both's
    invoices.patient_id                 not: it holds money, and books may have to be kept
    order_lines.order_id -> orders      as its order

There are few questions, each for many tables: whoever has answered one for a table has mostly answered it for all.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lifecycle.policy import guess, habits
from lifecycle.policy.model import Owner, SharedBy, Through
from lifecycle.policy.whose import ENOUGH, Draft, part_of
from lifecycle.postgres.catalog import ForeignKey, Table

WRITTEN = "did these people write the row, or is it about them?"
TWO = "two people stand in the row: with whom does it go?"
BOOKS = "is it money, an agreement or proof, which must be kept for some years?"
PART = "does the row go with the one it points to?"
SHARED = "several people share it: does it go with the last of them?"
LOOSE = "is this the person, though no foreign key says so?"
STAYS = "would the row stay without the person?"

SPARSE = 0.2
"""A second person who stands in fewer rows than this is mentioned there, and the row is not theirs too."""

MOST = 0.75
"""A person who stands in fewer rows than this, in a column that is not called like them, may only be mentioned."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A question, in the same words for every table, and what raises it here."""

    question: str
    here: str


def doubt(draft: Draft, table: str) -> Doubt | None:
    """Return what a person must decide about the owner of a table; None where it is sure, or settled."""
    if table in draft.settled:
        return None
    return next(_doubts(draft, table), None)


def reasons(draft: Draft) -> dict[str, str]:
    """Return what speaks for the owner of each table that is sure, in a few words for the reader of the file."""
    return {
        name: _reason(draft, name, how)
        for name, how in draft.owners.items()
        if not doubt(draft, name)
    }


def _reason(draft: Draft, table: str, how: Owner) -> str:
    if isinstance(how, SharedBy) or table == draft.people.name:
        return "the people themselves"
    column = draft.person(table)
    if column is None:
        keys = _keys(draft, table, how) if isinstance(how, Through) else []
        return f"a part of its {', '.join(dict.fromkeys(k.referenced for k in keys))}"
    seen = draft.seen.of(table, column)
    told = (
        f"{seen.distinct} people in {seen.filled} rows looked at" if seen.filled else "no row seen"
    )
    return f"by {'foreign key' if column in draft.naming(table) else 'its values'}: {told}"


def _doubts(draft: Draft, table: str) -> Iterator[Doubt]:
    if table == draft.people.name:
        return
    how = draft.owners[table]
    found = draft.catalog.tables[table]
    if isinstance(how, SharedBy):
        yield Doubt(SHARED, how.shared_by)
    if money := habits.books(found.relname, tuple(c.name for c in found.columns)):
        yield Doubt(BOOKS, money)
    if members := shared(draft, table):
        yield Doubt(SHARED, members)
    if column := draft.person(table):
        yield from _named(draft, found, column)
    elif isinstance(how, Through):
        yield from _through(draft, table, how)


def shared(draft: Draft, table: str) -> str:
    """Return the table that lists the people who have a part in each row of this one; nothing where none does."""
    return next(
        (
            k.table
            for k in draft.catalog.foreign_keys
            if k.referenced == table
            and k.table not in (table, draft.people.name)
            and habits.members(draft.catalog.tables[k.table].relname)
            and draft.person(k.table)
        ),
        "",
    )


def _named(draft: Draft, table: Table, column: str) -> Iterator[Doubt]:
    """Yield the doubts about rows that go with whom this column names."""
    name, keys = table.name, draft.naming(table.name)
    seen, many = draft.seen.of(name, column), draft.many(name, column)
    told = f"{column}: {seen.distinct} people in {seen.filled} rows"
    if habits.wrote(column) or draft.few(name, column) or (_odd(column) and not many):
        yield Doubt(WRITTEN, told)
    if _odd(column) and any(draft.always(k) for k in _into_people(draft, name)):
        yield Doubt(TWO, f"{column}, and whoever owns what it points to")
    if others := [other for other in keys if other != column and _party(draft, name, other)]:
        yield Doubt(TWO, ", ".join((column, *others)))
    if column not in keys and (seen.filled < ENOUGH or seen.known < 0.95 * seen.filled):
        yield Doubt(LOOSE, f"{column}: {seen.known} of {seen.filled} values are people's keys")
    if any(k.on_delete == "n" and column in k.columns for k in draft.leading(name)):
        yield Doubt(STAYS, f"{column} is set to NULL by the database when the person goes")
    likely = habits.words(column) in draft.likely()
    if not likely and (seen.filled < ENOUGH or draft.share(name, column) < MOST):
        yield Doubt(
            STAYS, f"{column} is filled in {seen.filled} of {draft.seen.rows.get(name, 0)} rows"
        )
    if guess.holds_people(table) and seen.distinct != seen.filled:
        yield Doubt(TWO, f"{column}, and whose name or address stands in the row")


def _odd(column: str) -> bool:
    return habits.author(column) or habits.side(column)


def _party(draft: Draft, table: str, column: str) -> bool:
    """Say whether a second person stands in the row who is more than mentioned there or who wrote it."""
    found = draft.catalog.tables[table].column(column)
    if found is None or found.not_null or draft.share(table, column) >= SPARSE:
        held = found is not None and found.not_null
        return (
            held
            or draft.many(table, column)
            or not (habits.author(column) or draft.few(table, column))
        )
    return False


def _keys(draft: Draft, table: str, how: Through) -> list[ForeignKey]:
    return [
        k
        for k in draft.leading(table)
        if k.referenced in draft.owners and set(k.columns) <= set(how.through)
    ]


def _into_people(draft: Draft, table: str) -> list[ForeignKey]:
    """Return the foreign keys to rows that are somebody's, but for those to the people."""
    return [
        k
        for k in draft.leading(table)
        if k.referenced in draft.owners and k.referenced not in draft.selves
    ]


def _through(draft: Draft, table: str, how: Through) -> Iterator[Doubt]:
    """Yield the doubts about rows that go with whoever owns the row they point to."""
    keys = _keys(draft, table, how)
    parents = ", ".join(dict.fromkeys(k.referenced for k in keys))
    if others := [name for name in draft.naming(table) if _party(draft, table, name)]:
        yield Doubt(TWO, f"{', '.join(others)}, and whoever owns its {parents}")
    if len({k.referenced for k in keys}) > 1:
        yield Doubt(TWO, f"whoever owns its {parents}")
    for key in keys:
        if doubt(draft, key.referenced):
            yield Doubt(PART, f"{key.referenced}, which is asked about too")
        elif guess.holds_people(draft.catalog.tables[key.referenced]):
            yield Doubt(PART, f"{key.columns[-1]} names somebody in {key.referenced}")
        elif not _surely_part(draft, table, key):
            yield Doubt(PART, key.referenced)


def _surely_part(draft: Draft, table: str, key: ForeignKey) -> bool:
    """Say whether a row is a detail of what it points to: by cascade, key or name, or as no other leads to people."""
    found = draft.catalog.tables[table]
    others = [k for k in _into_people(draft, table) if k is not key and draft.always(k)]
    return (
        (key.on_delete == "c" and not any(k.on_delete == "c" for k in others))
        or set(key.columns) <= set(found.primary_key)
        or part_of(draft, key)
        or not others
    )
