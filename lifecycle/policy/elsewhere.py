"""Finds where else something names a person than in their own row: a table of their telephone numbers or addresses.

Pure. A draft tells of it and does not write it among the `identifiers`: no erasure searches for these yet, and under a
policy that asks for it none would begin.

    contacts.user_id, .value      its values look like addresses or numbers, and each row is one person's, surely
    relatives.phone               not: a row with a name in it may be about somebody else
    orders.ship_to_phone          not: asked about, as books
"""

from collections.abc import Iterator

from lifecycle.policy import doubts, guess
from lifecycle.policy.drafting import ENOUGH, Draft
from lifecycle.policy.lookalikes import family


def identifiers(draft: Draft) -> Iterator[str]:
    """Yield `table.column` of each column that mostly holds addresses or telephone numbers of the row's one owner."""
    for name, how in draft.owners.items():
        table = draft.catalog.tables[name]
        alone = isinstance(how, str) and draft.naming(name) in ((), (how,))
        called = any(draft.seen.of(name, c.name).named for c in table.columns)
        if name == draft.people.name or not alone or called or guess.holds_people(table):
            continue
        rows = draft.seen.rows.get(name, 0)
        for column in table.columns:
            alike = draft.seen.of(name, column.name).alike
            text = family(column.type) == "text"
            if text and alike >= ENOUGH and 2 * alike >= rows and not doubts.doubt(draft, name):
                yield f"{name}.{column.name}"
