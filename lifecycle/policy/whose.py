"""Finds how the rows of each table lead to a person: by a column, through the row they point to, or shared.

Pure. What it finds is a proposal: `doubts.py` says which of it a person has to confirm.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from lifecycle.policy import guess, habits, lookalikes, sides, virtual
from lifecycle.policy.drafting import ENOUGH, HALF, NEARLY, Draft
from lifecycle.policy.model import Owner, Parties, SharedBy, Through
from lifecycle.postgres.catalog import Catalog, ForeignKey, Table


def owned(draft: Draft) -> Draft:
    """Return the draft with the owner of each table whose rows lead to a person."""
    first = replace(draft, selves=frozenset({draft.people.name}))
    settled = {name: how for name, how in draft.settled.items() if how is not None}
    by_column = {name: how for name, how in settled.items() if isinstance(how, str | Through)}
    selves = {n for n, how in (by_column | _named(first)).items() if _one_row_each(first, n, how)}
    logins = {k.referenced: k for k in _logins(first) if k.referenced not in draft.settled}
    draft = replace(first, selves=first.selves | selves | logins.keys())
    named = _named(draft)
    owners: dict[str, Owner] = {draft.people.name: draft.key, **settled}
    owners |= {n: how for n, how in named.items() if not habits.wrote(_column(how))}
    for name, key in logins.items():
        owners[name] = SharedBy(shared_by=f"{draft.people.name}.{key.columns[0]}")
    for key in draft.catalog.foreign_keys:
        loose = key.referenced not in draft.settled
        if loose and key.table == draft.people.name and _looks_shared(draft.catalog, key, owners):
            owners[key.referenced] = SharedBy(shared_by=f"{draft.people.name}.{key.columns[0]}")
    owners = _closed(draft, owners | named | _closed(draft, owners))
    return replace(draft, owners=_closed(draft, _by_address(draft, owners) | owners))


def _logins(draft: Draft) -> Iterator[ForeignKey]:
    """Yield the keys of the people to tables that have one row for each, as their logins."""
    for key in draft.leading(draft.people.name):
        seen = draft.seen.of(draft.people.name, key.columns[-1])
        once = seen.filled == seen.distinct >= ENOUGH and len(key.columns) == 1
        if once and draft.catalog.tables[key.referenced] in guess.logins(
            draft.catalog, draft.people
        ):
            yield key


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
    if isinstance(how, Parties):
        return next(iter(how.party))
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
    if draft.has_a_login(table.name, column):
        return True
    return guess.holds_people(table) and seen and draft.share(table.name, column) < HALF


def _by_key(draft: Draft, name: str) -> Owner | None:
    """Return the foreign key that names the owner, when one does more than mention somebody."""
    scored: list[tuple[int, int, Owner]] = []
    likely = draft.likely()
    for key in draft.leading(name):
        pairs = dict(zip(key.referenced_columns, key.columns, strict=True))
        straight = key.referenced == draft.people.name
        if not _names(draft, key):
            continue
        by_key = straight and draft.key in pairs
        column = draft.catalog.tables[name].column(pairs[draft.key] if by_key else key.columns[-1])
        if column is None:
            continue
        score = 5 * (habits.words(column.name) in likely) - 4 * habits.author(column.name)
        score += 4 * draft.many(name, column.name) - 6 * draft.few(name, column.name)
        wrote = draft.wrote(name, column.name) or (
            draft.staff(name, column.name) and not column.not_null
        )
        aside = habits.changed(column.name) or draft.seldom(name, column.name)
        if not (wrote or aside) and (column.not_null or score >= 0):
            different = draft.seen.of(name, column.name).distinct
            how = column.name if by_key else Through(through=virtual.words(key))
            scored.append((score + 2 * column.not_null, different, how))
    if scored and (pair := draft.pair(name)):
        return Through(through=pair)
    if scored and (parties := sides.of(draft, name)):
        return parties
    return max(scored, key=lambda found: found[:2])[2] if scored else None


def _names(draft: Draft, key: ForeignKey) -> bool:
    """Say whether a key names the person: it leads to the people, or alone to a table with one row for each."""
    if key.referenced not in draft.selves or virtual.loose(key):
        return False
    alone = len(key.columns) == 1 and key.table not in draft.selves
    return key.referenced == draft.people.name or alone


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


def _by_address(draft: Draft, owners: Mapping[str, Owner]) -> dict[str, Owner]:
    """Return the tables that nothing but an address leads from: whoever has it owns the row.

    But for those that others point to and of which some have none: it is one to write to, and rows hang on it.
    """
    pointed = {k.referenced for k in draft.catalog.foreign_keys if k.table != k.referenced}
    return _inside(draft, owners) | {
        k.table: Through(through=virtual.words(k))
        for k in draft.catalog.foreign_keys
        if virtual.loose(k)
        and not (virtual.typed(k) or virtual.path(k))
        and k.table not in owners
        and k.table not in draft.settled
        and (k.table not in pointed or draft.share(k.table, k.columns[0]) >= NEARLY)
        and not habits.author(k.name)
    }


def _inside(draft: Draft, owners: Mapping[str, Owner]) -> dict[str, Owner]:
    """Return the tables from which nothing but values inside JSON leads to people: a row goes with any of them."""
    found: dict[str, list[str]] = {}
    for key in draft.catalog.foreign_keys:
        if virtual.path(key) and key.table not in owners and key.table not in draft.settled:
            found.setdefault(key.table, []).append(key.name)
    return {name: Through(through=tuple(words)) for name, words in found.items()}


def _looks_shared(catalog: Catalog, key: ForeignKey, owners: Mapping[str, Owner]) -> bool:
    """Say whether people belong to this row together, as the members of a family to its account."""
    table = catalog.tables[key.referenced]
    pays = any("stripe" in column.name.lower() for column in table.columns)
    named = habits.shared(table.relname) or pays
    return len(key.columns) == 1 and key.referenced not in owners and named


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
        columns = {word: None for key in chosen for word in virtual.words(key)}
        if columns:
            found[name] = Through(through=tuple(columns))
    return found


def _sure(draft: Draft, name: str) -> Iterator[ForeignKey]:
    for key in draft.leading(name):
        if virtual.typed(key):
            if not habits.writer(key.name):
                yield key
        elif virtual.loose(key):
            continue
        elif key.referenced not in draft.selves and (
            draft.as_good_as_always(key) or key.on_delete == "c"
        ):
            yield key


def part_of(draft: Draft, key: ForeignKey) -> bool:
    """Say whether a row is named as a detail of what it points to: invoice_lines of invoices, visit_panels of both."""
    table, parent = (
        habits.words(draft.catalog.tables[name].relname) for name in (key.table, key.referenced)
    )
    stem = re.sub(r"(ies|s)$", "", parent)
    last = stem.rpartition("_")[2]
    return table.startswith((stem, f"{last}_")) or table.endswith(f"_{parent.rpartition('_')[2]}")
