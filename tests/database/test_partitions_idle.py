"""A run of partitions that has nothing to do looks once, and waits for nobody."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from lifecycle.outcome import Verdict
from lifecycle.partitions import survey
from tests.database.shop import EVENTS, Shop


@pytest.fixture
def shop(ledger: str, tmp_path: Path) -> Shop:
    made = Shop(ledger, tmp_path)
    made.say(EVENTS)
    made.promise(events=("at", "quarter", 1))
    return made


def test_what_is_there_is_read_again_only_after_something_was_done(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    real = survey.read

    def counted(*asked: Any) -> survey.Seen:
        looks.append("look")
        return real(*asked)

    monkeypatch.setattr(survey, "read", counted)
    assert shop.run().verdict is Verdict.PASS
    assert len(looks) == 2  # before the partitions were made, and after
    again = shop.run()
    assert (again.verdict, again.counts["made"], len(looks)) == (Verdict.PASS, 0, 3)
    shop.say("alter table events_2026_q4 disable row level security")
    assert shop.run().verdict is Verdict.FAIL


def test_a_partition_that_somebody_has_to_himself_is_named_and_keeps_nobody_from_the_rest(
    shop: Shop,
) -> None:
    shop.run()
    with psycopg.connect(shop.admin) as other:
        other.execute("lock table events_2026_q4 in access exclusive mode")
        outcome = shop.run()
    assert outcome.verdict is Verdict.FAIL
    assert "2 of 2 were there; not looked at: leaf events_2026_q4" in outcome.summary
    assert shop.run().verdict is Verdict.PASS
