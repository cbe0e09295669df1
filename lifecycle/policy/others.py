"""Judges who else stands in a row besides whom it may go with: who wrote it, another party, somebody's address.

Pure. `doubts.py` asks about whom this finds.
"""

from collections.abc import Collection

from lifecycle.policy import guess, habits, virtual
from lifecycle.policy.drafting import ENOUGH, NEARLY, Draft
from lifecycle.postgres.catalog import ForeignKey, Table

_LENT = 0.75
"""A thing that fewer of its kind than this are somebody's at a time is not there for that person alone."""

SPARSE = 0.2
"""A second person who stands in fewer rows than this is mentioned there, and the row is not theirs too."""


def acted(draft: Draft, table: Table, column: str) -> bool:
    """Say whether a row is what many people did for themselves, and nobody else is in it or in what hangs on it."""
    found, name = table.column(column), table.name
    ends = [
        draft.catalog.tables[k.referenced] for k in draft.leading(name) if column not in k.columns
    ]
    hanging = (k.table for k in draft.catalog.foreign_keys if k.referenced == name != k.table)
    alone = (
        draft.naming(name) == (column,)
        and not guess.identifiers(table)
        and not any(guess.holds_people(end) or end.name in draft.owners for end in ends)
        and all(n in draft.owners and not draft.naming(n) for n in hanging)
    )
    return (
        alone
        and habits.acted(column)
        and draft.many(name, column)
        and bool(found and found.not_null)
    )


def alone(draft: Draft, table: str, column: str) -> bool:
    """Say whether a column is called like the person or like who sends, more than a staff stand in it, and nobody else.

    Neither in the row nor in what it points to.
    """
    called = habits.words(column) in draft.likely() or habits.sends(column)
    return (
        called
        and draft.seen.of(table, column).filled > 0
        and not draft.rare(table, column)
        and draft.naming(table) == (column,)
        and not into_people(draft, table)
        and not any(virtual.loose(k) and k.referenced in draft.owners for k in draft.leading(table))
    )


def few(draft: Draft, table: str, column: str) -> bool:
    """Say whether so few people stand in a column that they may only have written the rows.

    What is called like the person, where nobody else can be meant, is theirs unless they are as few as a staff is.
    """
    return draft.few(table, column) and not alone(draft, table, column)


def only_wrote(draft: Draft, table: str, column: str) -> bool:
    """Say whether whom a column names only wrote the row: by what was done to it, or as few as a staff did."""
    return habits.wrote(column) or (habits.writer(column) and draft.rare(table, column))


def somebody_else(draft: Draft, table: Table, led: Collection[str]) -> str:
    """Return the column with e-mail addresses, but for `led` to these people, beside a name; nothing where none has.

    By what they are called, or as the values are so.
    """
    of = draft.seen.of
    named = any(
        c.name.lower().endswith("name")
        or 2 * of(table.name, c.name).named >= of(table.name, c.name).alike + ENOUGH
        for c in table.columns
    )
    return next(
        (
            c.name
            for c in table.columns
            if named
            and ("mail" in c.name.lower() or draft.seen.forms.get((table.name, c.name)) == "email")
            and of(table.name, c.name).alike >= ENOUGH
            and c.name not in led
        ),
        "",
    )


def lent(draft: Draft, table: str, column: str) -> bool:
    """Say whether a row seems to be a thing that one person has at a time, as a locker: some have nobody, none two.

    It belongs to something else that every row names.
    """
    seen = draft.seen.of(table, column)
    once = seen.filled == seen.distinct and draft.share(table, column) < _LENT
    keys = (k for k in draft.leading(table) if column not in k.columns and draft.always(k))
    whole = [k for k in keys if k.referenced not in draft.owners]
    return once and not draft.filled(table, column) and bool(whole)


def odd(column: str) -> bool:
    """Say whether a column is named like somebody who did something, or like one of two."""
    return habits.author(column) or habits.side(column)


def about(draft: Draft, key: ForeignKey, owner: str) -> bool:
    """Say whether a row leads by its type to people, while whom `owner` names may only have done something to them."""
    likely = habits.words(owner) in draft.likely()
    straight = isinstance(key, virtual.Virtual) and key.of_type and key.referenced in draft.selves
    return bool(straight) and not likely and bool(draft.words(key.table))


def addressed(draft: Draft, key: ForeignKey, owner: str) -> bool:
    """Say whether each row has an address of these people, while whom `owner` names may only have made it for them."""
    by_value = virtual.loose(key) and not virtual.typed(key) and key.referenced in draft.selves
    return by_value and habits.author(owner) and draft.share(key.table, key.columns[0]) >= NEARLY


def party(draft: Draft, table: str, column: str, owner: str = "") -> bool:
    """Say whether a second person stands in the row who is more than mentioned there or who wrote it."""
    likely, rare = draft.likely(), draft.rare(table, column)
    if owner and habits.words(owner) not in likely and habits.words(column) in likely and not rare:
        return True  # who is called like the person is not beside another one
    freed = any(k.on_delete == "n" and column in k.columns for k in draft.leading(table))
    if freed and habits.wrote(column):
        return False
    if draft.wrote(table, column) or (owner and draft.aside(table, column, owner)):
        return not (draft.may_name_nobody(table, column) or draft.beside(table, column))
    found = draft.catalog.tables[table].column(column)
    if found is None or found.not_null or draft.share(table, column) >= SPARSE:
        held = found is not None and found.not_null
        return (
            held
            or draft.many(table, column)
            or not (habits.author(column) or (rare and draft.few(table, column)))
        )
    return False


def into_people(draft: Draft, table: str) -> list[ForeignKey]:
    """Return the foreign keys to rows that are somebody's, but for those to the people."""
    return [
        k
        for k in draft.leading(table)
        if k.referenced in draft.owners and k.referenced not in draft.selves
    ]
