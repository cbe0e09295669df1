"""Row rules end rows of compressed chunks exactly: whole batches, and of those on the cutoff what is overdue."""

from datetime import timedelta
from typing import Any

import pytest

from lifecycle.holds import place
from lifecycle.holds.hold import What
from lifecycle.outcome import Verdict
from lifecycle.postgres import waits
from retention import packed
from tests.house import House, unseen
from tests.timescaledb.server.test_chunks import compressed, everything, made, overdue

pytestmark = pytest.mark.parametrize("cluster", ["timescale"], indirect=True)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "PATIENCE", timedelta(seconds=0.4))


@pytest.fixture
def old(house: House) -> House:
    """A house with a rule about single rows, whose old chunks are compressed."""
    made(house, do="delete", by="at")
    assert compressed(house) > 10
    everything(house, do="delete", by="at")
    return house


def young(house: House) -> Any:
    return house.ask(
        "select count(*), min(at), max(at), sum(id) from marks where at >= timestamptz '2025-11-21Z'"
    )


def deleted(house: House) -> int:
    return house.number(
        "select sum((counts ->> 'rows')::int) from lifecycle.evidence where event = 'retention.deleted'"
    )


def test_all_that_is_overdue_goes_and_nothing_else_and_it_is_counted(old: House) -> None:
    due, before = overdue(old), young(old)
    assert due > 40
    [step] = old.plan().decision.steps
    assert "batches go whole, those with rows that stay are taken apart" in step.cost
    outcome = old.run()
    assert (outcome.failures, outcome.verdict) == ((), Verdict.PASS), unseen(outcome)
    assert (overdue(old), young(old)) == (0, before)
    assert outcome.counts["deleted"] == deleted(old) == due


def test_a_row_that_came_late_into_a_compressed_chunk_goes_too(old: House) -> None:
    old.say("insert into marks values (5000, 3, '2025-01-05Z')")
    due, before = overdue(old), young(old)
    assert old.run().failures == ()
    assert (overdue(old), young(old), deleted(old)) == (0, before, due)


def test_rows_on_hold_stay_one_by_one_and_all_others_of_their_batch_go(old: House) -> None:
    held = old.number("select count(*) from marks where id = 7")
    with old.system().connect("test") as conn:
        what = What("value", column="id", key="7")
        place.place(conn, what, because="a suit", placed_by="case 7", until=None)
    due = overdue(old)
    outcome = old.run()
    assert outcome.failures == ()
    assert outcome.counts["on hold"] == held == 1
    assert old.ask("select id from marks where at < timestamptz '2025-11-21Z'") == [(7,)]
    assert deleted(old) == due - 1


def test_a_chunk_with_too_much_to_take_apart_is_left_and_named(
    old: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "AT_MOST", 2)
    before = overdue(old)
    outcome = old.run()
    assert any("no more than 2 are taken apart at once" in f.what for f in outcome.failures)
    assert overdue(old) == before - deleted(old) > 0
