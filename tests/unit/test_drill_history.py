"""Drills over time: what of them is told, against what is promised, and which way it goes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backups import history
from backups.section import Backups
from lifecycle.ledger.reading import Run

AT = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
WAL_G: dict[str, Any] = {"window": "7 days", "rpo": "5 minutes", "rto": "1 minute"}
BOTH = Backups.model_validate({"dumps": {"bucket": "b"}, "wal_g": WAL_G})
GOOD = {"fetch_ms": 20_000, "recover_ms": 10_000, "compare_ms": 90_000, "rows": 7, "rpo_ms": 61_000}


def run(
    week: int,
    counts: dict[str, int],
    job: str = "backups.recover",
    verdict: str | None = "pass",
    state: str = "finished",
) -> Run:
    at = AT + timedelta(weeks=week)
    ended = at + timedelta(minutes=2) if verdict else None
    return Run(100 + week, job, at, "schedule", state, verdict, 1, at, ended, "", [], counts, None)


def test_a_copy_that_answers_is_the_rto_and_what_the_drill_does_after_it_is_not() -> None:
    (told,) = history.tell([run(0, GOOD)], BOTH)
    assert (told.rto, told.rpo) == (timedelta(seconds=30), timedelta(seconds=61))
    assert dict(told.phases) == {"fetch": 20_000, "recover": 10_000, "compare": 90_000}
    assert (told.kept, told.slower, told.ended) == (True, None, "pass")


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        ({}, True),
        ({"fetch_ms": 50_000}, True),
        ({"fetch_ms": 50_001}, False),
        ({"rpo_ms": 300_000}, True),
        ({"rpo_ms": 300_001}, False),
    ],
)
def test_a_promise_is_kept_up_to_its_last_millisecond(more: dict[str, int], kept: bool) -> None:
    (told,) = history.tell([run(0, GOOD | more)], BOTH)
    assert told.kept is kept


def test_a_copy_that_was_not_proven_or_not_measured_keeps_no_promise() -> None:
    failed = run(0, GOOD, verdict="fail")
    unbounded = run(1, {name: value for name, value in GOOD.items() if name != "rpo_ms"})
    assert [told.kept for told in history.tell([failed, unbounded], BOTH)] == [None, None]


def test_a_drill_that_came_to_no_copy_has_no_rto_and_counts_in_no_trend() -> None:
    stopped = run(1, {"fetch_ms": 900_000}, verdict="could not verify")
    newest, middle, _ = history.tell([run(0, GOOD), stopped, run(2, GOOD)], BOTH)
    assert (middle.rto, middle.slower, middle.ended) == (None, None, "could not verify")
    assert newest.slower == 0


def test_the_trend_is_held_against_the_median_of_the_five_before() -> None:
    fetched = [1_000, 40_000, 10_000, 10_000, 90_000, 10_000, 20_000]
    runs = [run(week, {"fetch_ms": took, "rows": 1}) for week, took in enumerate(fetched)]
    assert history.tell(runs[::-1], BOTH)[0].slower == 1.0


def test_a_drill_that_nobody_made_stands_in_the_list() -> None:
    lost = run(1, {}, verdict=None, state="lost")
    told = history.tell([run(0, GOOD), lost], BOTH)
    assert [one.ended for one in told] == ["lost", "pass"]


def test_dumps_are_held_against_dumps_alone_and_an_age_is_what_could_have_been_lost() -> None:
    counts = {
        "download_ms": 1_000,
        "read_ms": 5_000,
        "restore_ms": 2_000,
        "age_minutes": 240,
        "rows": 1,
    }
    (told, _) = history.tell([run(0, GOOD), run(1, counts, "backups.drill")], BOTH)
    assert (told.of, told.rto, told.rpo) == ("dump", timedelta(seconds=3), timedelta(hours=4))
    assert (told.slower, told.kept) == (None, None)


def test_what_is_promised_and_was_proven_by_none_is_named() -> None:
    failed = run(0, GOOD, verdict="fail")
    assert history.never(history.tell([failed], BOTH), BOTH) == ("dump", "WAL-G")
    assert history.never(history.tell([run(0, GOOD)], BOTH), BOTH) == ("dump",)
    assert history.never((), Backups()) == ()
