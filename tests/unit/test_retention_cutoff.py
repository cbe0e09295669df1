"""When a row's time is over."""

# ruff: noqa: DTZ001 - a timestamp without a zone is naive on purpose

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.config.span import Span
from retention import cutoff

BERLIN = ZoneInfo("Europe/Berlin")
moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe"])


def test_the_worked_example_of_the_docstring_is_true() -> None:
    moment = cutoff.cutoff(Span.parse("90 days"), BERLIN, datetime(2026, 11, 21, 3, tzinfo=UTC))
    assert moment.isoformat() == "2026-08-23T00:00:00+02:00"
    assert cutoff.value(moment, "timestamptz") == datetime(2026, 8, 22, 22, tzinfo=UTC)
    assert cutoff.value(moment, "timestamp") == datetime(2026, 8, 23)
    assert cutoff.value(moment, "date") == date(2026, 8, 23)


@pytest.mark.parametrize(
    ("span", "now", "expected"),
    [
        ("1 month", "2026-03-31", "2026-02-28"),
        ("1 month", "2028-03-31", "2028-02-29"),
        ("1 year", "2028-02-29", "2027-02-28"),
        ("6 months", "2026-01-01", "2025-07-01"),
        ("2 weeks", "2026-01-05", "2025-12-22"),
    ],
)
def test_months_and_years_follow_the_calendar(span: str, now: str, expected: str) -> None:
    moment = datetime.fromisoformat(now).replace(hour=17, tzinfo=UTC)
    found = cutoff.cutoff(Span.parse(span), ZoneInfo("UTC"), moment)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_a_rule_in_hours_counts_back_from_the_last_whole_hour() -> None:
    now, hour = (datetime(2026, 3, 29, 12, minute, tzinfo=UTC) for minute in (34, 0))
    assert hour - cutoff.cutoff(Span.parse("1000 hours"), BERLIN, now) == timedelta(hours=1000)


@given(moments, zones, st.integers(1, 4000), st.sampled_from(["days", "weeks"]))
def test_all_day_long_the_cutoff_is_the_same_midnight(
    now: datetime, zone: str, count: int, unit: str
) -> None:
    span = Span.parse(f"{count} {unit}") if count > 1 else Span.parse("1 day")
    local = now.astimezone(ZoneInfo(zone))
    evening = local.replace(hour=23, minute=59, second=59, fold=1)
    found = cutoff.cutoff(span, ZoneInfo(zone), now)
    assert found == cutoff.cutoff(span, ZoneInfo(zone), evening.astimezone(UTC))
    days = span.at_least().days
    assert cutoff.value(found, "date") == local.date() - timedelta(days=days)
    assert (found.hour, found.minute) == (0, 0)


@given(moments, zones, st.sampled_from(["1 day", "90 days", "1 month", "7 years", "100 hours"]))
def test_as_time_goes_on_the_cutoff_never_goes_back(now: datetime, zone: str, span: str) -> None:
    rule = Span.parse(span)
    earlier = cutoff.cutoff(rule, ZoneInfo(zone), now)
    later = cutoff.cutoff(rule, ZoneInfo(zone), now + timedelta(hours=1))
    assert earlier.astimezone(UTC) <= later.astimezone(UTC)
    assert earlier.astimezone(UTC) < now
