"""Judges what several people share: a household by its members, a talk by who takes part, a list by who chose from it.

Pure. A table that lists members says who has a part in the rows that it points to, and not whose they are.
"""

from lifecycle.policy import habits
from lifecycle.policy.drafting import ENOUGH, Draft
from lifecycle.policy.look import TIME
from lifecycle.policy.model import SharedBy
from lifecycle.policy.names import split_column

MANY = 8
"""More people than belong to a family or a talk."""


def members(draft: Draft, table: str) -> str:
    """Return the table that lists the people who have a part in each row of this one; nothing where none does."""
    return next(
        (
            k.table
            for k in draft.catalog.foreign_keys
            if k.referenced == table
            and table not in draft.selves
            and k.table not in (table, draft.people.name)
            and habits.members(draft.catalog.tables[k.table].relname)
            and draft.person(k.table)
        ),
        "",
    )


def surely(draft: Draft, table: str, how: SharedBy) -> bool:
    """Say whether people share a row as a family does: few have each, and nobody else's rows point to it."""
    seen = draft.seen.of(*split_column(how.shared_by))
    several = 4 * seen.filled >= 5 * seen.distinct >= 5 * ENOUGH
    pointing = {k.table for k in draft.catalog.foreign_keys if k.referenced == table}
    named = habits.household(draft.catalog.tables[table].relname)
    few = seen.filled <= MANY * seen.distinct
    return several and few and named and pointing <= draft.owners.keys()


def nobodys(draft: Draft, table: str, by: str) -> bool:
    """Say whether rows with such members (in table `by`) are there without them: to choose from, or for a crowd."""
    [key, *_] = [k for k in draft.leading(by) if k.referenced == table]
    keyed = {c for k in draft.leading(by) for c in k.columns}
    bare = all(c.name in keyed for c in draft.catalog.tables[by].columns)
    freed = {c for k in draft.leading(table) if k.on_delete == "n" for c in k.columns}
    owners = [c for c in draft.naming(table) if not habits.writer(c) and c not in freed]
    seen = draft.seen.of(by, key.columns[-1])
    chosen = bare and not _dated(draft, table) and not habits.shared(table)
    each = MANY // 2 if chosen else MANY if bare else 2 * MANY
    return (bare or not owners) and seen.filled >= each * max(seen.distinct, 1)


def _dated(draft: Draft, table: str) -> bool:
    """Say whether its rows come at a time, as groups do: what people choose from is there before them."""
    return any(TIME.match(column.type) for column in draft.catalog.tables[table].columns)
