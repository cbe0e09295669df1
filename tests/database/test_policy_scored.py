"""Drafts for schemas of other people's making, held against what a privacy engineer said of each table.

All six taught the rules, by their questions and mistakes: what is asked of them says less about a schema that nobody
has seen than that nothing of it is wrong and unasked.
"""

from datetime import timedelta

import pytest

from bench import drafts


@pytest.mark.parametrize(
    ("name", "right", "asked"),
    [
        ("clinic", 61, 22),
        ("railsapp", 49, 31),
        ("prismaapp", 61, 23),
        ("djangoapp", 56, 26),
        ("erp", 27, 9),
        ("supabaseapp", 34, 9),
    ],
)
def test_nothing_is_deleted_or_left_wrongly_without_a_question(
    database: str, name: str, right: int, asked: int
):
    drafts.load(database, name)
    found = drafts.drafted(database, name, timedelta(minutes=2))
    assert found.score.tables == found.sampled == (45 if name in ("erp", "supabaseapp") else 90)
    assert (found.score.deletes, found.score.leaves) == ((), ())
    assert len(found.score.right) >= right
    assert len(found.score.asked) <= asked
    assert len(found.score.patterns) <= 12
    for pattern in found.score.patterns:
        assert f" x {pattern.removeprefix('DECIDE: ')} " in found.text
