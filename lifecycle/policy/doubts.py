"""What a person has to decide before the rows of a table go with somebody: all that a draft is not sure of.

Pure. A wrong line deletes rows that are about somebody else, with the verdict `pass`. So a line is sure only where the
schema says it twice, or the schema and the rows say the same, and nothing says otherwise.

    visits.patient_id -> patients       sure: named like the key, nobody else stands in the row
    pressures.nurse_id -> users         not: 12 users in 4,000 rows wrote them, and are not whom they are about
    messages.sender_id, .reader_id      not: two people, and the row is both's
    invoices.patient_id                 not: it holds money, and books may have to be kept
    order_lines.order_id -> orders      as its order
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lifecycle.policy import guess, lookalikes
from lifecycle.policy.evidence import Evidence
from lifecycle.policy.model import Owner, Parties, SharedBy, Through
from lifecycle.postgres.catalog import Catalog, ForeignKey, Table

ENOUGH = 30
"""Values from which on the share of different ones says something."""

FEW = 0.3
"""Fewer different people than this, of as many as could be, are those who write and not those who are written about."""

_AUTHOR = re.compile(
    r"_by(_\w+)?$|by_?id$|(^|_)(author|creator|editor|owner|assignee|assigned|reviewer|approver|moderator|uploader|recorder|operator"
    r"|agent|manager|supervisor|staff|nurse|doctor|physician|provider|practitioner|clinician|therapist|coach|teacher"
    r"|instructor|tutor|trainer|employee|admin|actor|whodunnit|contact|responsible|granted|invited|created|updated|modified|deleted|changed|confirmed|approved)(_|$)"
)
_SIDE = re.compile(
    r"(^|_)(sender|recipient|receiver|inviter|referrer|referred|seller|buyer|host|guest|from|to)(_|$)"
)
_MONEY = re.compile(
    r"(^|_)(amount|total|subtotal|price|cents|currency|vat|tax|net|gross|fee|balance|debit|credit|iban|paid)(_|$)"
)
_BOOKS = re.compile(
    r"(^|_)(invoice|payment|payout|refund|receipt|bill|billing|charge|transaction|ledger|order|claim|contract|tax|booking"
    r"|subscription|donation|certificate|consent)s?(_|$)"
)
_KINDS = re.compile(r"^(role|roles|type|kind|user_?type|account_?type|is_(staff|admin|superuser))$")


@dataclass(frozen=True, slots=True)
class Draft:
    """What is asked about: the people, how each table is owned so far, and what was seen of its rows."""

    catalog: Catalog
    people: Table
    key: str
    owners: Mapping[str, Owner]
    seen: Evidence

    def naming(self, table: str) -> tuple[str, ...]:
        """Return the columns of a table that point to a person by foreign key."""
        return tuple(
            k.columns[-1]
            for k in self.catalog.foreign_keys
            if k.table == table and k.referenced == self.people.name
        )


def words(name: str) -> str:
    """Return a column's name in one way of writing: `createdById` is created_by_id."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def author(name: str) -> bool:
    """Say whether a column is named like somebody who did something to the row, and not like whom it is about."""
    return bool(_AUTHOR.search(words(name)))


def _sided(name: str) -> bool:
    """Say whether a column is named like one of two people between whom the row is."""
    return bool(_SIDE.search(words(name)))


def doubt(draft: Draft, table: str) -> str | None:
    """Return what a person must decide about the owner of a table; None where it is sure."""
    return next(_doubts(draft, table), None)


def reasons(draft: Draft) -> dict[str, str]:
    """Return what speaks for the owner of each table that is sure, in a few words for the reader of the file."""
    return {name: _reason(draft, name) for name in draft.owners if not doubt(draft, name)}


def _reason(draft: Draft, table: str) -> str:
    match draft.owners[table]:
        case str(column) if table != draft.people.name:
            seen = draft.seen.of(table, column)
            told = (
                f"{seen.distinct} people in {seen.filled} rows looked at"
                if seen.filled
                else "no row seen"
            )
            return f"by {'foreign key' if column in draft.naming(table) else 'its values'}: {told}"
        case Through(through=columns):
            keys = [
                k
                for k in draft.catalog.foreign_keys
                if k.table == table and set(k.columns) <= set(columns)
            ]
            return f"a part of its {keys[0].referenced}"
        case _:
            return "the people themselves"


def _doubts(draft: Draft, table: str) -> Iterator[str]:
    if table == draft.people.name:
        return
    how = draft.owners[table]
    match how:
        case SharedBy():
            yield f"people share its rows ({how.shared_by}): do they go with the last of them?"
        case Through():
            yield from _through(draft, table, how)
        case str():
            yield from _named(draft, table, how)
        case Parties():
            pass
    if money := _money(draft.catalog.tables[table]):
        yield f"it holds money or an agreement ({money}): may its rows go, or must they be kept for some years?"


def _money(table: Table) -> str | None:
    named = _BOOKS.search(words(table.relname))
    found = [c.name for c in table.columns if _MONEY.search(words(c.name))]
    return ", ".join(found[:3]) or (table.relname if named else None)


def _named(draft: Draft, table: str, column: str) -> Iterator[str]:
    """Yield the doubts about rows that go with whom this column names."""
    others = [name for name in draft.naming(table) if name != column]
    by_key = column in draft.naming(table)
    if author(column) or _sided(column):
        yield f"{column} may be who wrote a row, and not whom it is about"
    people = [name for name in others if not author(name) or _many(draft, table, name)]
    if people:
        yield f"{column} and {', '.join(people)} each name a person: whose is the row?"
    held = [n for n in others if (c := draft.catalog.tables[table].column(n)) and c.not_null]
    if held:
        yield f"{', '.join(held)} may not be NULL and names a second person: what becomes of the row when they go?"
    seen = draft.seen.of(table, column)
    if seen.filled >= ENOUGH and not _many(draft, table, column):
        yield f"{seen.filled} rows name {seen.distinct} people by {column}: who wrote them, or whom they are about?"
    if not by_key and (seen.filled < ENOUGH or seen.known < 0.95 * seen.filled):
        share = (
            f", and {seen.known} of {seen.filled} values are people's keys" if seen.filled else ""
        )
        yield f"{column} is no foreign key and only named like one{share}: is it the person?"
    likely = {
        word for word, _ in lookalikes.facts(guess.kind(draft.people), draft.people, draft.key, ())
    }
    if words(column) not in likely and column.lower() not in likely and seen.filled < ENOUGH:
        yield f"nothing but a foreign key says that a row is about {column}"
    if guess.is_people(draft.catalog.tables[table]) and seen.distinct != seen.filled:
        yield "its rows look like people themselves: do they go with the person of that column?"


def _many(draft: Draft, table: str, column: str) -> bool:
    """Say whether a column names so many different people that rows are about them, as far as was seen."""
    seen = draft.seen.of(table, column)
    everybody = draft.seen.rows.get(draft.people.name) or seen.filled
    return seen.filled >= ENOUGH and seen.distinct >= FEW * min(seen.filled, everybody)


def _through(draft: Draft, table: str, how: Through) -> Iterator[str]:
    """Yield the doubts about rows that go with whoever owns the row they point to."""
    keys = [
        k
        for k in draft.catalog.foreign_keys
        if k.table == table and k.referenced in draft.owners and set(k.columns) <= set(how.through)
    ]
    parents = ", ".join(dict.fromkeys(k.referenced for k in keys))
    if len({k.referenced for k in keys}) > 1:
        yield f"it hangs on several ({parents}), perhaps of different people: with whom do its rows go?"
    naming = [name for name in draft.naming(table) if name not in how.through]
    if naming:
        yield f"{', '.join(naming)} names a person as well: is the row theirs, or of whoever owns its {parents}?"
    for key in keys:
        if doubt(draft, key.referenced):
            yield f"does it go with its {key.referenced}?"
        elif guess.is_people(draft.catalog.tables[key.referenced]):
            yield f"{key.columns[-1]} names somebody who stands in {key.referenced}: is the row about them?"
        elif not _part_of(draft, table, key):
            yield f"is a row a part of its {key.referenced}, so that it goes with it?"


def _part_of(draft: Draft, table: str, key: ForeignKey) -> bool:
    """Say whether a row is a detail of what it points to: by cascade, key or name, or as it points to nothing else."""
    found = draft.catalog.tables[table]
    parent = words(draft.catalog.tables[key.referenced].relname)
    stem = re.sub(r"(ies|s)$", "", parent.rpartition("_")[2] if parent.count("_") > 1 else parent)
    elsewhere = [
        k
        for k in draft.catalog.foreign_keys
        if k.table == table and k is not key and k.referenced not in (table, key.referenced)
    ]
    return (
        (key.on_delete == "c" and not any(k.on_delete == "c" for k in elsewhere))
        or set(key.columns) <= set(found.primary_key)
        or words(found.relname).startswith(stem)
        or not elsewhere
    )


def reference(catalog: Catalog, seen: Evidence, table: Table) -> str | None:
    """Return why a table from which nothing leads to anybody is surely nobody's data; None where it is not sure."""
    pointed = {k.table for k in catalog.foreign_keys if k.referenced == table.name} - {table.name}
    leads = [
        k for k in catalog.foreign_keys if k.table == table.name and k.referenced != table.name
    ]
    texts = [
        c.name for c in table.columns if lookalikes.family(c.type) in ("text", "jsonb", "json")
    ]
    odd = [c.name for c in table.columns if lookalikes.family(c.type) in ("jsonb", "json", "bytea")]
    personal = guess.is_people(table) or guess.identifiers(table, bare=False) or odd
    rows = seen.rows.get(table.name, 0)
    alike = any(seen.of(table.name, name).alike for name in texts)
    if not pointed or leads or personal or alike or not 0 < rows < _MANY:
        return None
    return (
        f"reference data: {len(pointed)} tables point to its {rows} rows, it points to nothing, "
        "and no value in it looks like an address or a telephone number"
    )


_MANY = 2_000
"""Rows from which on a table is no list that somebody keeps by hand."""
