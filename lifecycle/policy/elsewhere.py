"""Finds where else something names a person than in their own row: a table of their numbers, one of earlier addresses.

Pure. A draft writes it among the `identifiers`; an erasure that cannot search for it yet says so before it begins.

    contacts.user_id, .value      its values look like addresses or numbers, and each row is one person's, surely
    old_emails.email              likewise, and named like what was before
    audit_log.old_values $.email  images of the people's rows, in a log that is kept and anonymised or in rows of theirs
    relatives.phone               not: a row with a name in it may be about somebody else
    orders.ship_to_phone          not: asked about, as books
"""

from collections.abc import Collection, Iterator

from lifecycle.policy import doubts, guess, habits
from lifecycle.policy.drafting import ENOUGH, Draft
from lifecycle.policy.lookalikes import family
from lifecycle.policy.people import Identifier


def identifiers(draft: Draft, logs: Collection[str]) -> Iterator[Identifier]:
    """Yield each column that mostly holds addresses or telephone numbers of the row's one owner, and images of them.

    `logs`: tables that are kept and anonymised, whose rows nobody is asked about.
    """
    for name in draft.owners:
        if name in logs or (name != draft.people.name and not doubts.doubt(draft, name)):
            yield from draft.seen.images.get(name, ())
        if name != draft.people.name and name not in logs and _of_one(draft, name):
            yield from _written(draft, name)


def _of_one(draft: Draft, name: str) -> bool:
    """Say whether each row of a table is one person's, surely, and nobody's name stands in it."""
    table, how = draft.catalog.tables[name], draft.owners[name]
    alone = isinstance(how, str) and draft.naming(name) in ((), (how,))
    named = any(draft.seen.of(name, c.name).named for c in table.columns)
    return alone and not named and not guess.holds_people(table) and not doubts.doubt(draft, name)


def _written(draft: Draft, name: str) -> Iterator[Identifier]:
    table, rows = draft.catalog.tables[name], draft.seen.rows.get(name, 0)
    ended = any(habits.ended(c.name) for c in table.columns)
    for column in table.columns:
        alike = draft.seen.of(name, column.name).alike
        if family(column.type) == "text" and alike >= ENOUGH and 2 * alike >= rows:
            form = draft.seen.forms.get((name, column.name), "text")
            before = ended or habits.earlier(table.relname, column.name)
            yield Identifier(column=f"{name}.{column.name}", form=form, earlier=before)
