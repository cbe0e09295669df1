"""words.py: moments, spans, numbers of things, and words that were mistyped."""

from datetime import UTC, datetime, timedelta

import pytest

from lifecycle import words

NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


def test_a_moment_is_written_in_utc_or_in_a_zone_with_its_offset() -> None:
    assert words.moment(NOON) == "2026-11-21 12:00:00Z"
    assert words.moment(NOON, "Europe/Berlin") == "2026-11-21 13:00:00+01:00"
    assert words.moment(NOON.replace(month=7), "Europe/Berlin") == "2026-07-21 14:00:00+02:00"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.04, "0 s"),
        (0.4, "0.4 s"),
        (9.99, "10 s"),
        (59.7, "1 min"),
        (123, "2 min 3 s"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (86_400, "1 day"),
        (86_405, "1 day"),
        (90_000, "1 day 1 h"),
        (3 * 86_400, "3 days"),
        (-120, "-2 min"),
    ],
)
def test_a_span_is_written_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert words.span(timedelta(seconds=seconds)) == said


def test_one_thing_is_one_and_no_or_two_things_are_many() -> None:
    assert words.counted(1, "owner") == "1 owner"
    assert words.counted(0, "owner") == "0 owners"
    assert words.counted(1200, "row") == "1,200 rows"
    assert words.counted(2, "policy", "policies") == "2 policies"


def test_a_mistyped_word_is_answered_with_the_one_that_was_meant_and_all_there_are() -> None:
    jobs = ("backups.dump", "retention.expire")
    assert words.choices("retention.expir", jobs, "Jobs are") == (
        "Did you mean `retention.expire`? Jobs are: backups.dump, retention.expire."
    )
    assert words.choices("x", jobs, "Jobs are") == "Jobs are: backups.dump, retention.expire."
    assert words.did_you_mean("BACKUPS.dmp", jobs, "no") == "did you mean 'backups.dump'?"
    assert words.did_you_mean("x", jobs, "none like it") == "none like it"
