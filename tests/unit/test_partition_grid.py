"""The grid has no holes, no overlaps and no empty periods, in every zone, on every day."""

# ruff: noqa: DTZ001 - bounds stand on the key's own clock, which has no zone

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.config.span import Span
from lifecycle.partitions import grid
from lifecycle.partitions.bounds import KeyType, on_utc
from lifecycle.partitions.grid import Every

LENGTHS = [
    *(Every(1, unit) for unit in ("year", "quarter", "month", "week", "day", "hour")),
    *(Every(2, "year"), Every(6, "month"), Every(5, "month"), Every(2, "week"), Every(10, "day")),
    *(Every(6, "hour"), Every(7, "hour")),
]
KEYS: list[KeyType] = ["date", "timestamp", "timestamptz", "milliseconds", "uuidv7"]
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "America/Havana",
    "Pacific/Apia",
    "Asia/Kathmandu",
]

moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))


def labels(text: str, key: KeyType, zone: str, now: datetime, ahead: int | Span) -> list[str]:
    return [slot.label for slot in grid.slots(grid.every(text), key, ZoneInfo(zone), now, ahead)]


@given(st.sampled_from(LENGTHS), st.sampled_from(KEYS), st.sampled_from(ZONES), moments)
def test_periods_touch_and_the_first_holds_the_present(
    length: Every, key: KeyType, zone: str, now: datetime
) -> None:
    found = grid.slots(length, key, ZoneInfo(zone), now, 30)
    assert len(found) == 31
    on_the_keys_clock = now if on_utc(key) else now.astimezone(ZoneInfo(zone))
    assert found[0].lower <= on_the_keys_clock.replace(tzinfo=None) < found[0].upper
    assert all(earlier.upper == later.lower for earlier, later in pairwise(found))
    assert all(slot.lower < slot.upper for slot in found)
    assert len({slot.label for slot in found}) == 31


@given(st.sampled_from(LENGTHS), st.sampled_from(KEYS), st.sampled_from(ZONES), moments, moments)
def test_the_grid_is_the_same_whenever_one_looks(
    length: Every, key: KeyType, zone: str, now: datetime, other: datetime
) -> None:
    def at(moment: datetime) -> set[tuple[datetime, datetime, str]]:
        slots = grid.slots(length, key, ZoneInfo(zone), moment, 20)
        return {(slot.lower, slot.upper, slot.label) for slot in slots}

    ones, others = at(now), at(other)
    shared = {lower for lower, _, _ in ones} & {lower for lower, _, _ in others}
    assert {slot for slot in ones if slot[0] in shared} == {
        slot for slot in others if slot[0] in shared
    }


def test_names_say_the_period() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert labels("year", "date", "UTC", now, 1) == ["2026", "2027"]
    assert labels("quarter", "timestamptz", "UTC", now, 2) == ["2026_q4", "2027_q1", "2027_q2"]
    assert labels("month", "date", "UTC", now, 2) == ["2026_11", "2026_12", "2027_01"]
    assert labels("day", "date", "UTC", now, 1) == ["2026_11_21", "2026_11_22"]
    assert labels("hour", "timestamp", "UTC", now, 1) == ["2026_11_21_12", "2026_11_21_13"]


def test_a_leap_february_ends_on_the_first_of_march() -> None:
    [slot] = grid.slots(
        Every(1, "month"), "date", ZoneInfo("UTC"), datetime(2028, 2, 29, tzinfo=UTC), 0
    )
    assert (slot.lower, slot.upper) == (datetime(2028, 2, 1), datetime(2028, 3, 1))
    days = labels("day", "date", "UTC", datetime(2028, 2, 28, tzinfo=UTC), 2)
    assert days == ["2028_02_28", "2028_02_29", "2028_03_01"]


def test_a_year_of_53_weeks_has_its_53rd_and_weeks_begin_on_monday() -> None:
    now = datetime(2026, 12, 24, tzinfo=UTC)
    found = grid.slots(Every(1, "week"), "date", ZoneInfo("UTC"), now, 2)
    assert [slot.label for slot in found] == ["2026_w52", "2026_w53", "2027_w01"]
    assert found[1].lower == datetime(2026, 12, 28)
    assert all(slot.lower.isoweekday() == 1 for slot in found)


def test_the_year_ends_at_midnight_of_the_policys_zone() -> None:
    last_hour = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    assert labels("year", "timestamptz", "UTC", last_hour, 0) == ["2026"]
    assert labels("year", "timestamptz", "Europe/Berlin", last_hour, 0) == ["2027"]
    [slot] = grid.slots(Every(1, "year"), "timestamptz", ZoneInfo("Europe/Berlin"), last_hour, 0)
    assert (slot.lower, slot.upper) == (datetime(2026, 12, 31, 23), datetime(2027, 12, 31, 23))


def test_the_day_of_a_clock_change_has_23_or_25_hours() -> None:
    zone = ZoneInfo("America/New_York")
    [spring] = grid.slots(
        Every(1, "day"), "timestamptz", zone, datetime(2024, 3, 10, 12, tzinfo=UTC), 0
    )
    [autumn] = grid.slots(
        Every(1, "day"), "timestamptz", zone, datetime(2024, 11, 3, 12, tzinfo=UTC), 0
    )
    assert spring.upper - spring.lower == timedelta(hours=23)
    assert autumn.upper - autumn.lower == timedelta(hours=25)


def test_the_repeated_hour_of_autumn_is_a_partition_of_its_own() -> None:
    before = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)  # 01:30 in Berlin
    found = labels("hour", "timestamptz", "Europe/Berlin", before, 3)
    assert found == ["2026_10_25_01", "2026_10_25_02", "2026_10_25_02b", "2026_10_25_03"]


def test_the_hour_that_spring_leaves_out_has_no_partition() -> None:
    before = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # 01:30 in Berlin
    found = labels("hour", "timestamptz", "Europe/Berlin", before, 1)
    assert found == ["2026_03_29_01", "2026_03_29_03"]


@pytest.mark.parametrize("zone", ["Pacific/Apia"])
def test_a_day_that_never_was_has_no_partition(zone: str) -> None:
    found = labels("day", "timestamptz", zone, datetime(2011, 12, 30, 0, tzinfo=UTC), 2)
    assert found == ["2011_12_29", "2011_12_31", "2012_01_01"]


@given(st.sampled_from(LENGTHS), st.sampled_from(KEYS), st.sampled_from(ZONES), moments)
def test_the_periods_of_a_hole_are_those_of_the_grid_and_leave_nothing_out(
    length: Every, key: KeyType, zone: str, now: datetime
) -> None:
    slots = grid.slots(length, key, ZoneInfo(zone), now, 9)
    found = list(grid.between(length, key, ZoneInfo(zone), slots[2].lower, slots[5].lower))
    assert found == list(slots[2:5])


def test_several_units_are_counted_from_the_calendars_beginning() -> None:
    now = datetime(2026, 11, 26, tzinfo=UTC)
    assert labels("6 months", "date", "UTC", now, 2) == ["2026_07", "2027_01", "2027_07"]
    assert labels("6 hours", "timestamptz", "UTC", now, 2) == [
        "2026_11_26_00",
        "2026_11_26_06",
        "2026_11_26_12",
    ]


@given(st.sampled_from(LENGTHS), st.sampled_from(KEYS), st.sampled_from(ZONES), moments)
def test_a_reach_in_time_has_the_period_of_its_last_moment_and_none_after_it(
    length: Every, key: KeyType, zone: str, now: datetime
) -> None:
    reach = Span(400, "day")
    found = grid.slots(length, key, ZoneInfo(zone), now, reach)
    end = reach.after(now.astimezone(ZoneInfo(zone)))
    end = (end.astimezone(UTC) if on_utc(key) else end).replace(tzinfo=None)
    assert found[-1].lower <= end < found[-1].upper
    assert found == grid.slots(length, key, ZoneInfo(zone), now, len(found) - 1)


def test_so_many_days_ahead_are_as_many_periods_as_the_calendar_has_in_them() -> None:
    asked = Span.parse("60 days")
    january = datetime(2026, 1, 2, tzinfo=UTC)
    assert labels("month", "date", "UTC", january, asked) == ["2026_01", "2026_02", "2026_03"]
    july = datetime(2026, 7, 3, tzinfo=UTC)
    assert labels("month", "date", "UTC", july, asked) == ["2026_07", "2026_08", "2026_09"]
    assert (
        labels("month", "date", "UTC", datetime(2026, 7, 2, 23, tzinfo=UTC), asked)[-1] == "2026_08"
    )
