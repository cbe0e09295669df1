"""Finds rows between two people, as a message or a transfer: they stay while one of the two is there.

Pure. A name says little of it: both columns must vary like the same people, as far as was seen. Who sends also
receives, while nurses and those they care for are others.

    messages.sender_id, .reader_id      130 of 150 senders are among 170 readers: both are parties
    visits.patient_id, .nurse_id        not: no nurse is cared for
    notes.user_id, .friend_id           not: whoever is called like the person is first, and is asked about
"""

import re

from lifecycle.policy import habits, virtual
from lifecycle.policy.drafting import ENOUGH, NEARLY, Draft
from lifecycle.policy.model import Parties
from lifecycle.postgres.catalog import ForeignKey, Table


def of(draft: Draft, table: str) -> Parties | None:
    """Return the parties of a table with the columns of their halves; None where it is not between two people."""
    keys = [k for k in draft.leading(table) if draft.to_people(k) and not virtual.loose(k)]
    found = [k for k in keys if not habits.author(k.columns[0])]
    names = [k.columns[0] for k in found]
    alone = set(draft.naming(table)) == {k.columns[0] for k in keys}
    if len(found) != 2 or not alone or not _alike(draft, table, names) or not _both(draft, found):
        return None
    there = draft.catalog.tables[table]
    return Parties(party={name: _half(there, name) for name in names})


def _alike(draft: Draft, table: str, names: list[str]) -> bool:
    """Say whether the people in one column are those in the other, and hardly ever the same in one row."""
    first, second = names
    both = draft.seen.both.get((table, first, second))
    counts = [draft.seen.of(table, name) for name in names]
    fewer, more = sorted(seen.distinct for seen in counts)
    return (
        both is not None
        and 2 * both.people >= fewer >= ENOUGH
        and 3 * fewer >= more
        and 20 * both.same <= min(seen.filled for seen in counts)
    )


def _both(draft: Draft, keys: list[ForeignKey]) -> bool:
    """Say whether rows have both, neither is called like the person, and the database does not end either by itself."""
    names = [(k.table, k.columns[0]) for k in keys]
    full = all(draft.share(*name) >= NEARLY for name in names)
    likely = any(habits.words(column) in draft.likely() for _, column in names)
    return full and not likely and not any(k.on_delete == "n" for k in keys)


def _half(table: Table, side: str) -> tuple[str, ...]:
    """Return the columns that are called like those of one side, and can be cleared: sender_name of sender_id."""
    stem = f"{re.sub(r'_?(id|uuid)$', '', habits.words(side))}_"
    return tuple(
        c.name
        for c in table.columns
        if c.name != side and habits.words(c.name).startswith(stem) and not c.not_null
    )
