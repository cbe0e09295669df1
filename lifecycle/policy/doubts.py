"""What a person has to decide before the rows of a table go with somebody: all that a draft is not sure of.

Pure. A wrong line deletes rows that are about somebody else, with the verdict `pass`. So a line is sure only where the
schema says it twice, or the schema and the rows say the same, and nothing says otherwise.

    visits.patient_id -> patients       sure: named like the key, nobody else stands in the row
    pressures.nurse_id -> users         not: 12 users in 4,000 rows wrote them, and are not whom they are about
    messages.sender_id, .reader_id      not: two people, and the row is both's
    invoices.patient_id                 not: it holds money, and books may have to be kept
    order_lines.order_id -> orders      as its order
    invoice_lines.invoice_id            a part of invoices: what is decided of them holds for it

There are few questions, each for many tables: whoever has answered one for a table has mostly answered it for all.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lifecycle.policy import books, guess, habits, others, together, unseen, virtual
from lifecycle.policy.check import PART_OF, SAME
from lifecycle.policy.drafting import ENOUGH, Draft
from lifecycle.policy.model import Owner, Parties, SharedBy, Through
from lifecycle.policy.whose import part_of
from lifecycle.postgres.catalog import ForeignKey, Table

WRITTEN = "did these people write the row, or is it about them?"
TWO = "two people stand in the row: with whom does it go?"
BOOKS = "is it money, an agreement or proof, which must be kept for some years?"
PART = "does the row go with the one it points to?"
SHARED = "several people share it: does it go with the last of them?"
LOOSE = "is this the person, though no foreign key says so?"
INSIDE = "a person stands inside its JSON: does the row go with them?"
STAYS = "would the row stay without the person?"

_GOES = (TWO,)
"""Questions of which each answer ends the row with somebody: its parts go with it, whatever is answered."""

COPY = 5
"""So many columns named as the people's: it is a copy of theirs, and an address in it may be another's by now."""

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
    """Return what speaks for the owner of each table that is sure, in a few words for the reader of the file.

    Of books the other answer: what to write where they have to stay.
    """
    asked = {name: doubt(draft, name) for name in draft.owners}
    sure = {n: _reason(draft, n, how) for n, how in draft.owners.items() if not asked[n]}
    return sure | {
        n: _kept(draft, n) for n, open_ in asked.items() if open_ and open_.question == BOOKS
    }


def _kept(draft: Draft, table: str) -> str:
    begins = books.begins(draft, table)
    until = f", until: 10 years after {begins}" if begins else ""
    cleared = ", ".join(books.cleared(draft, table))
    return f"or, on which ground? keep: {{clear: [{cleared}], because: ...{until}, ground: ...}}"


def _reason(draft: Draft, table: str, how: Owner) -> str:
    if isinstance(how, SharedBy) or table == draft.people.name:
        return "the people themselves"
    if isinstance(how, Parties):
        return f"{' and '.join(how.party)} vary like the same people: it stays while one of two is there"
    column = draft.person(table)
    if column is None:
        keys = draft.ways(table, how) if isinstance(how, Through) else ()
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
    if isinstance(how, SharedBy) and not together.surely(draft, table, how):
        yield Doubt(SHARED, how.shared_by)
    if money := books.found(draft, table):
        yield _of_books(draft, table, money)
    column = draft.person(table)
    if (members := together.members(draft, table)) and not _of_one(draft, table, column):
        yield Doubt(SHARED, members)
    if column:
        yield from _named(draft, found, column)
    elif isinstance(how, Through):
        yield from _through(draft, table, how)
    if unseen.not_sure(draft, table):
        yield Doubt(STAYS if column else PART, unseen.WHY)


def _of_one(draft: Draft, table: str, column: str | None) -> bool:
    """Say whether each row names one person as a row that is about them does, whoever else has a part in it."""
    likely = column is not None and habits.words(column) in draft.likely()
    return likely and draft.filled(table, column or "") and draft.many(table, column or "")


def _of_books(draft: Draft, table: str, money: str) -> Doubt:
    """Return the question whether a table is books, or with which others that is decided."""
    if whole := books.whole(draft, table):
        return Doubt(f"{PART_OF}{whole}", money)
    head = books.head(draft, table)
    return Doubt(f"{SAME}{head}", money) if head else Doubt(BOOKS, money)


def _named(draft: Draft, table: Table, column: str) -> Iterator[Doubt]:
    """Yield the doubts about rows that go with whom this column names."""
    name, keys = table.name, draft.naming(table.name)
    seen, many = draft.seen.of(name, column), draft.many(name, column)
    told = f"{column}: {seen.distinct} people in {seen.filled} rows"
    wrote = habits.wrote(column) and not others.acted(draft, table, column)
    alone = others.alone(draft, name, column)
    if wrote or others.few(draft, name, column) or (others.odd(column) and not many and not alone):
        yield Doubt(WRITTEN, told)
    if others.odd(column) and any(draft.always(k) for k in others.into_people(draft, name)):
        yield Doubt(TWO, f"{column}, and whoever owns what it points to")
    two = [o for o in keys if o != column and others.party(draft, name, o, column)]
    two += [k.name for k in draft.leading(name) if others.about(draft, k, column)]
    two += [k.name for k in draft.leading(name) if others.addressed(draft, k, column)]
    if two and column not in draft.pair(name):
        yield Doubt(TWO, ", ".join((column, *dict.fromkeys(two))))
    yield from _without_a_key(draft, name, column)
    if draft.freed(name, column):
        yield Doubt(STAYS, f"{column} is set to NULL by the database when the person goes")
    yield from _whose_name(draft, table, column)
    likely = habits.words(column) in draft.likely()
    pair = column in draft.pair(name)
    first = [o for o in keys if o != column and draft.filled(name, o) and not pair]
    if first and not likely and not draft.filled(name, column):
        yield Doubt(STAYS, f"{column} may be NULL, and {', '.join(first)} may not")
    if others.lent(draft, name, column):
        yield Doubt(STAYS, f"{column} is empty in some rows, and nobody stands in two")
    if not likely and not pair and (seen.filled < ENOUGH or draft.share(name, column) < MOST):
        yield Doubt(
            STAYS, f"{column} is filled in {seen.filled} of {draft.seen.rows.get(name, 0)} rows"
        )


def _without_a_key(draft: Draft, table: str, column: str) -> Iterator[Doubt]:
    """Yield the doubt about an owner's column of which too few values say that it is one, and no foreign key does."""
    seen = draft.seen.of(table, column)
    keys = [k for k in draft.leading(table) if column in k.columns]
    believed = bool(keys) or seen.known >= 0.95 * seen.filled
    if (seen.filled < ENOUGH or not believed) and all(isinstance(k, virtual.Virtual) for k in keys):
        told = f"{seen.known} of {seen.filled}" if not keys else str(seen.filled)
        yield Doubt(LOOSE, f"{column}: {told} values are people's keys")


def _whose_name(draft: Draft, table: Table, column: str) -> Iterator[Doubt]:
    """Yield the doubts about a name or an address in the row, which may be another one's than the owner's."""
    seen = draft.seen.of(table.name, column)
    led = [k.name for k in draft.leading(table.name) if isinstance(k, virtual.Virtual)]
    if other := others.somebody_else(draft, table, led):
        yield Doubt(TWO, f"{column}, and whose address stands in {other}")
    if guess.holds_people(table) and seen.distinct != seen.filled:
        yield Doubt(TWO, f"{column}, and whose name or address stands in the row")


def _through(draft: Draft, table: str, how: Through) -> Iterator[Doubt]:
    """Yield the doubts about rows that go with whoever owns the row they point to."""
    keys = draft.ways(table, how)
    parents = ", ".join(dict.fromkeys(k.referenced for k in keys))
    if two := [name for name in draft.naming(table) if others.party(draft, table, name)]:
        yield Doubt(TWO, f"{', '.join(two)}, and whoever owns its {parents}")
    if not any(virtual.loose(k) for k in keys) and (
        other := others.somebody_else(draft, draft.catalog.tables[table], led=())
    ):
        yield Doubt(TWO, f"whoever owns its {parents}, and whose address stands in {other}")
    yield from _unexplained(draft, table)
    if len({k.name if virtual.typed(k) else k.referenced for k in keys}) > 1:
        yield Doubt(TWO, f"whoever owns its {parents}")
    for key in keys:
        yield from _part(draft, table, key)


def _part(draft: Draft, table: str, key: ForeignKey) -> Iterator[Doubt]:
    """Yield the doubt whether a row goes with the one that this key leads to."""
    if key.referenced in draft.selves:
        yield from _by_value(draft, table, key)
    elif (open_ := doubt(draft, key.referenced)) and open_.question not in _GOES:
        yield _with_its_whole(draft, table, key)
    elif virtual.loose(key):
        yield from _by_value(draft, table, key)
    elif guess.holds_people(draft.catalog.tables[key.referenced]):
        yield Doubt(PART, f"{key.columns[-1]} names somebody in {key.referenced}")
    elif not _surely_part(draft, table, key):
        yield Doubt(PART, key.referenced)


def _with_its_whole(draft: Draft, table: str, key: ForeignKey) -> Doubt:
    """Return with what a row is decided that goes with one of which something is asked.

    Of books a law may want the one and not the other.
    """
    trade = books.found(draft, table) or habits.of_trade(draft.catalog.tables[table].relname)
    if books.of_money(draft, key.referenced) and not trade:
        return Doubt(PART, f"{key.referenced}, which is asked about too")
    if virtual.typed(key) and len([k for k in draft.leading(table) if k.name == key.name]) > 1:
        return Doubt(PART, f"{key.referenced}, which is asked about too")
    if any(map(draft.blind, (table, key.referenced, draft.people.name))):
        return Doubt(PART, f"{key.referenced}, which is asked about too: {unseen.WHY}")
    return Doubt(f"{PART_OF}{key.referenced}", key.columns[-1])


def _by_value(draft: Draft, table: str, key: ForeignKey) -> Iterator[Doubt]:
    """Yield the doubts about rows that lead to a person by a type and an id, or by an address."""
    found = draft.catalog.tables[table]
    same = {c.name for c in found.columns} & {c.name for c in draft.people.columns}
    if virtual.typed(key):
        return
    if isinstance(key, virtual.Virtual) and key.said.path:
        yield Doubt(INSIDE, f"{key.columns[0]}, under {key.said.path}")
    if len(same) >= COPY:
        yield Doubt(TWO, f"{key.name}, and whose other columns are as in {draft.people.name}")
    if beside := [
        name for name in draft.naming(table) if not others.only_wrote(draft, table, name)
    ]:
        yield Doubt(TWO, f"{key.name}, and {', '.join(beside)}")
    if draft.few(table, key.columns[-1]):
        seen = draft.seen.of(table, key.columns[-1])
        yield Doubt(WRITTEN, f"{key.name}: {seen.distinct} addresses in {seen.filled} rows")


def _unexplained(draft: Draft, table: str) -> Iterator[Doubt]:
    """Yield the columns that have people's keys as values, where the row goes with somebody by another way."""
    found = draft.catalog.tables[table]
    keyed = {c for k in draft.catalog.foreign_keys if k.table == table for c in k.columns}
    for column in found.columns:
        name, seen = column.name, draft.seen.of(table, column.name)
        named = habits.leads(name) and not habits.writer(name)
        if name in {*keyed, *found.primary_key} or not named or not draft.many(table, name):
            continue
        if seen.known >= 0.95 * seen.filled:
            yield Doubt(LOOSE, f"{name}: {seen.known} of {seen.filled} values are people's keys")


def _surely_part(draft: Draft, table: str, key: ForeignKey) -> bool:
    """Say whether a row is a detail of what it points to: by cascade, key or name, or as no other leads to people."""
    found = draft.catalog.tables[table]
    more = [k for k in others.into_people(draft, table) if k is not key and draft.always(k)]
    return (
        (key.on_delete == "c" and not any(k.on_delete == "c" for k in more))
        or set(key.columns) <= set(found.primary_key)
        or part_of(draft, key)
        or not more
    )
