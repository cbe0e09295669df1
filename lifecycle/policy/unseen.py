"""Says of which tables the schema alone is not enough, as no row of them was seen, or none of the people's. Pure.

Rows are not seen where a table is empty, and where there was no time or right to look. What they would have said is
asked then: a column that is called like the person names whoever wrote the row as often as whom it is about.
"""

from lifecycle.policy import habits
from lifecycle.policy.drafting import Draft
from lifecycle.policy.model import SharedBy, Through
from lifecycle.postgres.catalog import ForeignKey

WHY = "no row was seen"


def not_sure(draft: Draft, table: str) -> bool:
    """Say whether rows would have been needed to know that those of this table go with whoever owns them."""
    if isinstance(draft.owners[table], SharedBy):
        return False
    ends = (table, draft.people.name, *(k.referenced for k in _by(draft, table)))
    return any(map(draft.blind, ends)) and not _said_twice(draft, table)


def pointing(draft: Draft, table: str) -> str:
    """Return a table with keys to this one that could not be read; nothing where none is."""
    keys = (k for k in draft.catalog.foreign_keys if k.referenced == table != k.table)
    return next((k.table for k in keys if k.table not in draft.seen.rows), "")


def _by(draft: Draft, table: str) -> list[ForeignKey]:
    """Return the keys by which a row goes with whoever owns it."""
    how, column = draft.owners[table], draft.person(table)
    if column:
        return [k for k in draft.leading(table) if column in k.columns]
    return list(draft.ways(table, how)) if isinstance(how, Through) else []


def _said_twice(draft: Draft, table: str) -> bool:
    """Say whether the schema says it by the key and by what it does: the row ends with who is alone in it."""
    found, column, keys = draft.catalog.tables[table], draft.person(table), _by(draft, table)
    keyed = {c for k in draft.leading(table) for c in k.columns}
    keyed |= {*found.primary_key} if len(found.primary_key) == 1 else set()
    free = [c for c in found.columns if c.name not in keyed]
    loose = [c for c in free if c.type == "uuid" or habits.leads(c.name)]
    alone = set(draft.naming(table)) <= {column} and not loose
    called = column is None or habits.words(column) in draft.likely()
    held = all(k.on_delete == "c" or {*k.columns} <= {*found.primary_key} for k in keys)
    return alone and called and bool(keys) and held
