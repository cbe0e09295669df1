"""What becomes of slots that are due: the catch-up rules, lateness, pauses, long absences, a clock put back."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.job import CatchUp, Job
from lifecycle.schedule import slots
from lifecycle.schedule.slots import Slot, decide, taken_out
from tests.acceptance.testroom.jobs import nothing

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def job(cron: str = "0 * * * *", catch_up: CatchUp = "last", lateness: float = 48) -> Job:
    return Job(
        "testroom.nothing",
        "a test",
        cron,
        nothing,
        catch_up=catch_up,
        max_lateness=timedelta(hours=lateness),
    )


def states(found: tuple[Slot, ...]) -> list[tuple[str, str]]:
    return [(f"{slot.at:%d %H:%M}", slot.state) for slot in found]


def hours_ago(count: float) -> datetime:
    return NOW - timedelta(hours=count)


def test_nothing_is_due_between_two_slots():
    assert decide(job(), "UTC", hours_ago(0), NOW + timedelta(minutes=59), None) == ()


@pytest.mark.parametrize("rule", ["last", "all", "none"])
def test_a_slot_in_time_runs_by_every_rule(rule: CatchUp):
    found = decide(job(catch_up=rule), "UTC", hours_ago(0.5), NOW + timedelta(seconds=14), None)
    assert states(found) == [("21 12:00", "queued")]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("last", ["missed", "missed", "queued"]),
        ("all", ["queued", "queued", "queued"]),
        ("none", ["missed", "missed", "missed"]),
    ],
)
def test_slots_nobody_ran_follow_the_jobs_rule(rule: CatchUp, expected: list[str]):
    found = decide(job(catch_up=rule), "UTC", hours_ago(2.5), NOW + timedelta(minutes=30), None)
    assert [slot.state for slot in found] == expected
    assert all(slot.reason for slot in found)


@pytest.mark.parametrize("rule", ["last", "all", "none"])
def test_a_slot_beyond_the_greatest_lateness_never_runs(rule: CatchUp):
    found = decide(job("0 9 * * *", rule, lateness=2), "UTC", hours_ago(24), NOW, None)
    assert [slot.state for slot in found] == ["missed"]
    assert "2:00:00" in found[0].reason


def test_a_clock_that_was_put_back_makes_nothing_due():
    assert decide(job(catch_up="all"), "UTC", NOW + timedelta(hours=3), NOW, None) == ()


def test_a_clock_that_jumped_ahead_makes_due_what_lies_between_and_nothing_twice():
    first = decide(job(catch_up="all"), "UTC", NOW, NOW + timedelta(hours=3), None)
    again = decide(
        job(catch_up="all"), "UTC", NOW + timedelta(hours=3), NOW + timedelta(hours=1), None
    )
    assert (len(first), again) == (3, ())


def test_while_paused_every_slot_is_missed_with_the_reason():
    found = decide(job(catch_up="all"), "UTC", hours_ago(2.5), NOW, "the vendor moves house")
    assert [slot.state for slot in found] == ["missed"] * 3
    assert all("the vendor moves house" in slot.reason for slot in found)


def test_the_slot_in_the_skipped_hour_of_spring_runs_once():
    found = decide(
        job("30 2 * * *", "all"),
        "Europe/Berlin",
        datetime(2026, 3, 28, 12, tzinfo=UTC),
        datetime(2026, 3, 29, 12, tzinfo=UTC),
        None,
    )
    assert states(found) == [("29 01:00", "queued")]


def test_ticks_through_the_repeated_hour_of_autumn_run_the_slot_once():
    rule, covered = job("30 2 * * *", "all"), datetime(2026, 10, 24, 22, tzinfo=UTC)
    found: list[Slot] = []
    for minute in range(1, 6 * 60):
        now = datetime(2026, 10, 24, 22, tzinfo=UTC) + timedelta(minutes=minute)
        found += decide(rule, "Europe/Berlin", covered, now, None)
        covered = now
    assert states(tuple(found)) == [("25 00:30", "queued")]


def test_after_a_long_absence_the_newest_thousand_have_rows_and_one_row_stands_for_the_others():
    found = decide(job("* * * * *", lateness=48), "UTC", hours_ago(24 * 10), NOW, None)
    assert len(found) == slots.LISTED + 1
    assert sum(slot.stands_for for slot in found) == 10 * 24 * 60
    assert (found[0].at, found[0].state) == (hours_ago(24 * 10) + timedelta(minutes=1), "missed")
    assert found[-1] == Slot(NOW, "queued", "due")


def test_even_a_year_of_seconds_is_judged_in_seconds():
    began = time.process_time()
    found = decide(job("* * * * * *", lateness=1), "UTC", hours_ago(24 * 365), NOW, None)
    assert time.process_time() - began < 10
    assert (len(found), found[-1].state) == (slots.LISTED + 1, "queued")


def test_slots_of_a_job_taken_out_are_missed_and_so_is_one_that_is_in_time():
    found = taken_out("0 * * * *", "UTC", hours_ago(1.5), NOW, None)
    assert states(found) == [("21 11:00", "missed"), ("21 12:00", "missed")]
    assert {slot.reason for slot in found} == {"the policy took this job out before anybody ran it"}
    (paused,) = taken_out("0 * * * *", "UTC", hours_ago(0.5), NOW, "audit")
    assert paused.reason == "the schedule was paused: audit"


def test_a_job_taken_out_after_a_long_absence_has_one_row_for_its_oldest_slots():
    found = taken_out("* * * * *", "UTC", NOW - timedelta(days=2), NOW, None)
    assert (len(found), found[0].stands_for) == (slots.LISTED + 1, 2 * 24 * 60 - slots.LISTED)
