"""What a span of time promises: calendar months as the law counts them, days of the local calendar, exact hours."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.config.span import Span

BERLIN = ZoneInfo("Europe/Berlin")
UNITS = ("second", "minute", "hour", "day", "week", "month", "year")


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("90 days", "90 days"),
        ("1 month", "1 month"),
        ("2 month", "2 months"),
        ("1 hours", "1 hour"),
    ],
)
def test_a_span_is_read_and_spelled(text: str, spelled: str):
    assert str(Span.parse(text)) == spelled


@pytest.mark.parametrize(
    "text",
    [
        "",
        "days",
        "90",
        "90days",
        "90  days",
        " 90 days",
        "90 days\n",
        "0 days",
        "-1 days",
        "1.5 days",
        "090 days",
        "90 Days",
        "90 fortnights",
        "1 month 2 days",
        "٣ days",
        "100000 days",
    ],
)
def test_anything_else_is_refused_with_what_to_write(text: str):
    with pytest.raises(ValueError, match="write a number and a unit, like '90 days'"):
        Span.parse(text)


@pytest.mark.parametrize(
    ("moment", "text", "before"),
    [
        ("2026-03-31", "1 month", "2026-02-28"),
        ("2028-03-31", "1 month", "2028-02-29"),
        ("2028-02-29", "1 year", "2027-02-28"),
        ("2026-01-15", "2 months", "2025-11-15"),
        ("2026-03-01", "1 day", "2026-02-28"),
        ("2026-03-08", "1 week", "2026-03-01"),
    ],
)
def test_months_and_years_follow_the_calendar(moment: str, text: str, before: str):
    shifted = Span.parse(text).before(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    assert shifted == datetime.fromisoformat(before).replace(tzinfo=UTC)


def test_a_month_after_the_last_of_january_is_the_last_of_february():
    assert Span(1, "month").after(datetime(2026, 1, 31, 9, tzinfo=UTC)) == datetime(
        2026, 2, 28, 9, tzinfo=UTC
    )


def test_a_day_is_a_day_of_the_calendar_also_when_the_clocks_change():
    noon = datetime(2026, 3, 29, 12, tzinfo=BERLIN)  # the day has 23 hours
    day_before = Span(1, "day").before(noon)
    assert (day_before.day, day_before.hour) == (28, 12)
    assert noon.astimezone(UTC) - day_before.astimezone(UTC) == timedelta(hours=23)


def test_an_hour_is_an_hour_also_when_the_clocks_change():
    noon = datetime(2026, 3, 29, 12, tzinfo=BERLIN)
    before = Span(12, "hours").before(noon)
    assert noon.astimezone(UTC) - before.astimezone(UTC) == timedelta(hours=12)
    assert before.hour == 23


@given(
    count=st.integers(1, 99),
    unit=st.sampled_from(UNITS),
    moment=st.integers(946_684_800, 7_258_118_400).map(lambda s: datetime.fromtimestamp(s, UTC)),
)
def test_a_span_is_never_shorter_than_it_says(count: int, unit: str, moment: datetime):
    span = Span(count, unit)
    assert moment - span.before(moment) >= span.at_least()
    assert span.after(moment) - moment >= span.at_least()
    assert Span.parse(str(span)) == span


@pytest.mark.parametrize("text", ["201 years", "99999 years", "99999 weeks", "99999 months"])
def test_a_span_that_leaves_the_calendar_is_refused(text: str):
    with pytest.raises(
        ValueError, match="longer than 200 years; to keep rows for ever, write no rule"
    ):
        Span.parse(text)


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_may_be_written_in_the_plural(unit: str):
    now = datetime(2026, 3, 31, tzinfo=UTC)
    assert Span(3, f"{unit}s") == Span(3, unit)
    assert Span(3, f"{unit}s").before(now) == Span(3, unit).before(now)
    assert str(Span(3, f"{unit}s")) == f"3 {unit}s"


def test_spans_are_equal_by_what_they_say():
    assert Span.parse("1 month") == Span(1, "month") != Span(30, "day")
    assert len({Span.parse("2 days"), Span(2, "day")}) == 1
