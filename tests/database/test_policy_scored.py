"""Drafts for schemas of other people's making, held against what a privacy engineer said of each table.

All six taught the rules, by their questions and mistakes: what is asked of them says less about a schema that nobody
has seen than that nothing of it is wrong and unasked.
"""

from datetime import timedelta

import pytest

from bench import drafts


@pytest.mark.parametrize(
    ("name", "right", "asked", "follow"),
    [
        ("clinic", 61, 22, 7),
        ("railsapp", 51, 30, 9),
        ("prismaapp", 65, 19, 6),
        ("djangoapp", 59, 23, 8),
        ("erp", 27, 9, 9),
        ("supabaseapp", 34, 9, 2),
    ],
)
def test_nothing_is_deleted_or_left_wrongly_without_a_question(
    database: str, name: str, right: int, asked: int, follow: int
):
    drafts.load(database, name)
    found = drafts.drafted(database, name, timedelta(minutes=2))
    assert found.score.tables == found.sampled == (45 if name in ("erp", "supabaseapp") else 90)
    assert (found.score.deletes, found.score.leaves) == ((), ())
    assert len(found.score.right) >= right
    assert len(found.score.asked) <= asked
    assert len(found.score.asked) + len(found.score.follow) <= asked + follow
    assert len(found.score.patterns) <= 12
    rows = {name: found.catalog.tables[name].estimated_rows for name in found.seen.rows}
    largest = sorted(rows, key=lambda name: (-rows[name], name))
    people = {found.who.table.name}
    # What there was no time or right to read is asked about, and so is what hangs on it.
    for gone in (people, largest[: len(largest) // 4], largest[::3], largest[1::2]):
        blind = found.without(gone)
        assert (blind.deletes, blind.leaves) == ((), ()), gone
        assert len(blind.asked) > len(found.score.asked)
    for pattern in found.score.patterns:
        assert f" x {pattern.removeprefix('DECIDE: ')} " in found.text
