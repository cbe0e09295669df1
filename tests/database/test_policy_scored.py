"""Drafts for schemas of other people's making, held against what a privacy engineer said of each table.

Clinic and railsapp taught the rules, and so in part did djangoapp; of erp, in mixed German and English, its two first
mistakes did. Prismaapp is only scored.
"""

from datetime import timedelta

import pytest

from bench import drafts


@pytest.mark.parametrize(
    ("name", "right"),
    [("clinic", 40), ("railsapp", 34), ("prismaapp", 34), ("djangoapp", 23), ("erp", 6)],
)
def test_nothing_is_deleted_or_left_wrongly_without_a_question(
    database: str, name: str, right: int
):
    drafts.load(database, name)
    found = drafts.drafted(database, name, timedelta(minutes=2))
    assert found.score.tables == found.sampled == (45 if name == "erp" else 90)
    assert (found.score.deletes, found.score.leaves) == ((), ())
    assert len(found.score.right) >= right
    assert len(found.score.patterns) <= 12
    for pattern in found.score.patterns:
        assert f" x {pattern.removeprefix('DECIDE: ')} " in found.text
