"""Two clocks from one moment: the grace period and the legal deadline."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gdpr.deadline import Open, overdue, soon, still_in_grace
from lifecycle.config.span import Span

MONTH = Span(1, "month")


def asked(requested: str, due: str, *, processing: bool = False) -> Open:
    at = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (requested, due)]
    return Open("1", "ref", "person", processing, at[0], at[1], Span(30, "days"), MONTH)


@pytest.mark.parametrize(
    ("now", "late", "near"),
    [
        ("2026-11-20T00:00", 0, 1),
        ("2026-11-18T23:59", 0, 0),
        ("2026-11-22T00:00", 0, 1),
        ("2026-11-22T00:01", 1, 0),
    ],
)
def test_a_due_request_is_late_one_calendar_month_after_it_was_made(
    now: str, late: int, near: int
) -> None:
    one = asked("2026-10-22T00:00", "2026-11-19T00:00")
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert (len(overdue([one], at)), len(soon([one], at))) == (late, near)


def test_thirty_days_from_the_end_of_january_end_after_the_month_does() -> None:
    one = asked("2027-01-31T00:00", "2027-03-02T00:00")
    march = datetime(2027, 3, 1, tzinfo=UTC)
    assert overdue([one], march) == ()
    assert still_in_grace([one], march) == (one,)
    begun = asked("2027-01-31T00:00", "2027-03-02T00:00", processing=True)
    assert overdue([begun], march) == (begun,)


def test_the_applications_word_does_not_shorten_the_policys_grace():
    early = asked("2026-10-01", "2026-10-05")
    assert not early.ready(datetime(2026, 10, 30, 23, 59, tzinfo=UTC))
    assert early.ready(datetime(2026, 10, 31, tzinfo=UTC))


def test_a_request_that_was_put_off_beyond_its_deadline_is_late_once_the_policys_grace_is_over():
    put_off = asked("2026-10-22", "2099-01-01")
    november = datetime(2026, 11, 23, tzinfo=UTC)
    assert not put_off.ready(november)
    assert overdue([put_off], november) == (put_off,)
    assert still_in_grace([put_off], november) == ()


def test_what_was_begun_is_ready_whatever_its_day():
    begun = replace(asked("2026-10-22", "2099-01-01"), begun=True)
    assert begun.ready(datetime(2026, 10, 23, tzinfo=UTC))
