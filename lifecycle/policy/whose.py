"""Finds how the rows of each table lead to a person: by a column, through the row they point to, or shared.

Pure. What it finds is a proposal: `doubts.py` says which of it a person has to confirm.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from lifecycle.policy import guess, habits, lookalikes
from lifecycle.policy.evidence import Evidence
from lifecycle.policy.model import Owner, SharedBy, Through
from lifecycle.postgres.catalog import Catalog, ForeignKey, Table

ENOUGH = 30
"""Values from which on the share of different ones says something."""

FEW = 0.3
"""Fewer different people than this, of as many as could be, are those who write and not those who are written about."""

HALF = 0.5
"""A table of people of whom fewer than this share are the people asked about holds people of another kind."""

_SHARED = re.compile(r"(^|_)(account|household|famil(y|ie)|tenant|subscription|team)s?$")


@dataclass(frozen=True, slots=True)
class Draft:
    """What is asked about: the people, how each table is owned so far, and what was seen of its rows.

    `selves`: the people's table, and each that has one row per person, as patients have for users: to point there is to
    name the person. `settled`: tables of which a policy says already whose they are, with their owner of this kind of
    people or None: of them nothing is asked, and all the rest follows from them.
    """

    catalog: Catalog
    people: Table
    key: str
    owners: Mapping[str, Owner]
    seen: Evidence
    selves: frozenset[str] = frozenset()
    settled: Mapping[str, Owner | None] = field(default_factory=dict[str, Owner | None])

    def naming(self, table: str) -> tuple[str, ...]:
        """Return the columns of a table that point to a person by foreign key."""
        keys = self.leading(table)
        return tuple(dict.fromkeys(k.columns[-1] for k in keys if k.referenced in self.selves))

    def person(self, table: str) -> str | None:
        """Return the column that names the owner of a row; None where it is reached by another row, or shared."""
        match self.owners.get(table):
            case str(column):
                return column
            case Through(through=(column,)) if column in self.naming(table):
                return column
            case _:
                return None

    def leading(self, table: str) -> tuple[ForeignKey, ...]:
        """Return the foreign keys of a table, but for those to itself."""
        return tuple(
            k for k in self.catalog.foreign_keys if k.table == table and k.referenced != table
        )

    def always(self, key: ForeignKey) -> bool:
        """Say whether every row has this reference."""
        table = self.catalog.tables[key.table]
        return all((c := table.column(name)) is not None and c.not_null for name in key.columns)

    def many(self, table: str, column: str) -> bool:
        """Say whether so many different people stand in a column that the rows are about them, as far as was seen."""
        seen = self.seen.of(table, column)
        everybody = self.seen.rows.get(self.people.name) or seen.filled
        return seen.filled >= ENOUGH and seen.distinct >= FEW * min(seen.filled, everybody)

    def few(self, table: str, column: str) -> bool:
        """Say whether few people stand in many rows: they wrote them."""
        return self.seen.of(table, column).filled >= ENOUGH and not self.many(table, column)

    def share(self, table: str, column: str) -> float:
        """Return which share of the rows that were seen has a value in this column."""
        rows = self.seen.rows.get(table, 0)
        return self.seen.of(table, column).filled / rows if rows else 1.0

    def likely(self) -> frozenset[str]:
        """Return the names that a column has that leads to these people: patient_id."""
        tables = [self.catalog.tables[name] for name in self.selves]
        key = {self.people.name: self.key}
        return frozenset(
            word
            for table in tables
            for word, _ in lookalikes.facts(
                guess.kind(table), table, key.get(table.name, guess.key(self.catalog, table)), ()
            )
        )


def owned(draft: Draft) -> Draft:
    """Return the draft with the owner of each table whose rows lead to a person."""
    first = replace(draft, selves=frozenset({draft.people.name}))
    settled = {name: how for name, how in draft.settled.items() if how is not None}
    by_column = {name: how for name, how in settled.items() if isinstance(how, str | Through)}
    selves = {n for n, how in (by_column | _named(first)).items() if _one_row_each(first, n, how)}
    draft = replace(first, selves=first.selves | selves)
    named = _named(draft)
    owners: dict[str, Owner] = {draft.people.name: draft.key, **settled}
    owners |= {n: how for n, how in named.items() if not habits.wrote(_column(how))}
    for key in draft.catalog.foreign_keys:
        loose = key.referenced not in draft.settled
        if loose and key.table == draft.people.name and _looks_shared(draft.catalog, key, owners):
            owners[key.referenced] = SharedBy(shared_by=f"{draft.people.name}.{key.columns[0]}")
    return replace(draft, owners=_closed(draft, owners | named | _closed(draft, owners)))


def _named(draft: Draft) -> dict[str, Owner]:
    """Return the tables in which a column names the person, and how."""
    found: dict[str, Owner] = {}
    for name, table in draft.catalog.tables.items():
        how = _by_key(draft, name) or _by_name(draft, table)
        if name in (draft.people.name, *draft.settled):
            continue
        if how and not _another_kind(draft, table, _column(how)):
            found[name] = how
    return found


def _column(how: Owner) -> str:
    return next(reversed(how.through)) if isinstance(how, Through) else str(how)


def _one_row_each(draft: Draft, name: str, how: Owner) -> bool:
    """Say whether a table has one row per person: what else is known of them."""
    column, table = _column(how), draft.catalog.tables[name]
    seen = draft.seen.of(name, column)
    people = guess.is_people(table) and not habits.members(table.relname)
    once = people and seen.filled == seen.distinct > 0
    by_key = column in draft.naming(name) and not habits.author(column)
    return by_key and (once or table.primary_key == (column,))


def _another_kind(draft: Draft, table: Table, column: str) -> bool:
    """Say whether these are people of their own, of whom a few are such people too: staff who are patients."""
    seen = draft.seen.rows.get(table.name, 0) > 0
    return guess.holds_people(table) and seen and draft.share(table.name, column) < HALF


def _by_key(draft: Draft, name: str) -> Owner | None:
    """Return the foreign key that names the owner, when one does more than mention somebody."""
    scored: list[tuple[int, int, Owner]] = []
    likely = draft.likely()
    for key in draft.leading(name):
        pairs = dict(zip(key.referenced_columns, key.columns, strict=True))
        straight = key.referenced == draft.people.name
        if key.referenced not in draft.selves or (straight and draft.key not in pairs):
            continue
        if not straight and (len(key.columns) != 1 or name in draft.selves):
            continue
        column = draft.catalog.tables[name].column(pairs[draft.key] if straight else key.columns[0])
        if column is None:
            continue
        score = 5 * (habits.words(column.name) in likely) - 4 * habits.author(column.name)
        score += 4 * draft.many(name, column.name) - 6 * draft.few(name, column.name)
        if column.not_null or score >= 0:
            different = draft.seen.of(name, column.name).distinct
            how = column.name if straight else Through(through=(column.name,))
            scored.append((score + 2 * column.not_null, different, how))
    return max(scored, key=lambda found: found[:2])[2] if scored else None


def _by_name(draft: Draft, table: Table) -> str | None:
    """Return a column that is named and typed like the person's key and is no foreign key."""
    keyed = {c for k in draft.catalog.foreign_keys if k.table == table.name for c in k.columns}
    kind = guess.kind(draft.people)
    facts = set(lookalikes.facts(kind, draft.people, draft.key, ()))
    return next(
        (
            c.name
            for c in table.columns
            if c.name not in keyed and (c.name.lower(), lookalikes.family(c.type)) in facts
        ),
        None,
    )


def _looks_shared(catalog: Catalog, key: ForeignKey, owners: Mapping[str, Owner]) -> bool:
    """Say whether people belong to this row together, as the members of a family to its account."""
    table = catalog.tables[key.referenced]
    pays = any("stripe" in column.name.lower() for column in table.columns)
    named = bool(_SHARED.search(table.relname.lower()))
    return len(key.columns) == 1 and key.referenced not in owners and (named or pays)


def _closed(draft: Draft, owners: Mapping[str, Owner]) -> dict[str, Owner]:
    """Return these owners and those of every table that leads to one of theirs, however far."""
    closed = dict(owners)
    while found := _reached(draft, closed):
        closed |= found
    return closed


def _reached(draft: Draft, owners: Mapping[str, Owner]) -> dict[str, Owner]:
    """Return the tables one step further: every row points, always or by cascade, to a row of somebody's."""
    found: dict[str, Owner] = {}
    for name in draft.catalog.tables:
        if name in owners or name in draft.settled:
            continue
        keys = [k for k in _sure(draft, name) if k.referenced in owners]
        single = [k for k in keys if not isinstance(owners[k.referenced], SharedBy)]
        whole = [k for k in single if part_of(draft, k)] if len(single) > 1 else []
        chosen = whole[:1] if len(whole) == 1 else single or keys
        columns = {column: None for key in chosen for column in key.columns}
        if columns:
            found[name] = Through(through=tuple(columns))
    return found


def _sure(draft: Draft, name: str) -> Iterator[ForeignKey]:
    for key in draft.leading(name):
        if key.referenced not in draft.selves and (draft.always(key) or key.on_delete == "c"):
            yield key


def part_of(draft: Draft, key: ForeignKey) -> bool:
    """Say whether a row is named as a detail of what it points to: invoice_lines of invoices, visit_panels of both."""
    table, parent = (
        habits.words(draft.catalog.tables[name].relname) for name in (key.table, key.referenced)
    )
    stem = re.sub(r"(ies|s)$", "", parent)
    last = stem.rpartition("_")[2]
    return table.startswith((stem, f"{last}_")) or table.endswith(f"_{parent.rpartition('_')[2]}")
