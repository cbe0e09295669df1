"""When slots are: Debian's cron, both DST days, the same slots wherever one starts to look."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle import cron
from lifecycle.daemon.wake import CronTrigger
from lifecycle.errors import InputError

SPRING = datetime(2026, 3, 28, 12, tzinfo=UTC)  # Berlin: 02:00 becomes 03:00 on the 29th
AUTUMN = datetime(2026, 10, 24, 12, tzinfo=UTC)  # Berlin: 03:00 becomes 02:00 on the 25th
DAY = timedelta(days=1)


def berlin(expression: str, after: datetime, span: timedelta = DAY) -> list[str]:
    found = cron.slots(expression, "Europe/Berlin", after, after + span)
    return [slot.astimezone(cron.zone("Europe/Berlin")).isoformat() for slot in found]


def test_a_slot_in_the_hour_that_spring_skips_comes_right_after_it_and_once():
    assert berlin("30 2 * * *", SPRING) == ["2026-03-29T03:00:00+02:00"]
    assert berlin("0,15,30 2 * * *", SPRING) == ["2026-03-29T03:00:00+02:00"]


def test_a_slot_in_the_hour_that_autumn_repeats_comes_once_in_the_first():
    assert berlin("30 2 * * *", AUTUMN) == ["2026-10-25T02:30:00+02:00"]


def test_looking_from_within_the_second_of_the_two_hours_does_not_bring_the_first_back():
    second = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 for the second time
    assert berlin("30 2 * * *", second, timedelta(hours=2)) == []


def test_a_starred_expression_follows_the_clock_through_both_hours():
    hours = berlin("0 * * * *", AUTUMN + timedelta(hours=11), timedelta(hours=4))
    assert [hour[11:] for hour in hours] == [
        "02:00:00+02:00",
        "02:00:00+01:00",
        "03:00:00+01:00",
        "04:00:00+01:00",
    ]


@pytest.mark.parametrize(
    ("expression", "first"),
    [
        ("0 3 * * 0", "2026-01-04 03:00"),  # Sunday, not Monday
        ("0 3 * * 7", "2026-01-04 03:00"),
        ("0 0 13 * 5", "2026-01-02 00:00"),  # the 13th or a Friday, not Friday the 13th
        ("0 0 L * *", "2026-01-31 00:00"),
        ("0 0 * * FRI#2", "2026-01-09 00:00"),
        ("@hourly", "2026-01-01 13:00"),
        ("@daily", "2026-01-02 00:00"),
        ("@Weekly", "2026-01-04 00:00"),
        ("@monthly", "2026-02-01 00:00"),
        ("@yearly", "2027-01-01 00:00"),
    ],
)
def test_the_words_of_debians_cron_mean_what_they_mean_there(expression: str, first: str):
    cron.check(expression, "UTC")
    slot = cron.next_slot(expression, "UTC", datetime(2026, 1, 1, 12, tzinfo=UTC))
    assert f"{slot:%Y-%m-%d %H:%M}" == first


@pytest.mark.parametrize("wrong", ["", "x", "* * * *", "60 * * * *", "0 0 30 2 *", "@noon"])
def test_what_is_not_cron_is_refused_with_what_to_write_instead(wrong: str):
    with pytest.raises(InputError) as refused:
        cron.check(wrong, "UTC")
    assert "'30 2 * * *'" in refused.value.hint


@pytest.mark.parametrize("wrong", ["", "Europe/Nowhere", "../etc/passwd", "Europe"])
def test_what_is_no_time_zone_is_refused(wrong: str):
    with pytest.raises(InputError, match="time zone"):
        cron.check("0 0 * * *", wrong)


def test_the_first_instant_is_left_out_and_the_last_is_in():
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert list(cron.slots("0 * * * *", "UTC", noon, noon + timedelta(hours=1))) == [
        noon + timedelta(hours=1)
    ]


EXPRESSIONS = ["30 2 * * *", "0,30 1,2,3 * * *", "*/15 * * * *", "15 0,23 * * *", "0 */2 * * *"]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Africa/Cairo", "America/Havana"]
CHANGES = [SPRING, AUTUMN, *(datetime(2026, *d, tzinfo=UTC) for d in ((3, 7), (4, 23), (10, 29)))]


@given(
    st.sampled_from(EXPRESSIONS),
    st.sampled_from(ZONES),
    st.sampled_from(CHANGES),
    st.integers(0, 3 * 24 * 60),
)
def test_the_slots_of_two_spans_side_by_side_are_those_of_the_whole(
    expression: str, zone: str, start: datetime, minutes: int
):
    middle, end = start + timedelta(minutes=minutes), start + 3 * DAY
    whole = list(cron.slots(expression, zone, start, end))
    parts = [
        *cron.slots(expression, zone, start, middle),
        *cron.slots(expression, zone, middle, end),
    ]
    assert parts == whole == sorted(set(whole))


def test_the_alarm_rings_at_every_slot_of_an_autumn_night_once():
    trigger = CronTrigger("*/30 * * * *", "Europe/Berlin")
    zone = cron.zone("Europe/Berlin")
    now = AUTUMN + timedelta(hours=11, minutes=50)
    rung: list[datetime] = []
    previous = None
    while len(rung) < 6:
        following = trigger.get_next_fire_time(previous, now.astimezone(zone))
        assert following is not None
        rung.append(following)
        # As APScheduler hands it back: in a zone, where the two 02:30 compare as equal.
        previous = following.astimezone(zone)
        now = following + timedelta(milliseconds=3)
    assert (
        rung
        == list(
            cron.slots(
                "*/30 * * * *",
                "Europe/Berlin",
                AUTUMN + timedelta(hours=11, minutes=50),
                AUTUMN + timedelta(hours=15),
            )
        )[:6]
    )


def test_a_day_on_which_the_clocks_change_is_marked():
    assert cron.changes_clock(datetime(2026, 3, 29, 10, tzinfo=UTC), "Europe/Berlin")
    assert not cron.changes_clock(datetime(2026, 3, 30, 10, tzinfo=UTC), "Europe/Berlin")
