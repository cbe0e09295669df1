"""What PostgreSQL prints as a bound is read as the moment it means."""

# ruff: noqa: DTZ001 - bounds stand on the key's own clock, which has no zone

from datetime import datetime

import pytest

from lifecycle.partitions import bounds


@pytest.mark.parametrize(
    ("printed", "moment"),
    [
        ("2026-01-01", datetime(2026, 1, 1)),
        ("2026-01-01 00:00:00", datetime(2026, 1, 1)),
        ("2026-01-01 00:00:00.5", datetime(2026, 1, 1, microsecond=500_000)),
        ("2026-01-01 00:00:00+00", datetime(2026, 1, 1)),
        ("2025-12-31 19:00:00-05", datetime(2026, 1, 1)),
        ("2026-01-01 05:30:00+05:30", datetime(2026, 1, 1)),
        ("1883-01-01 00:00:00-04:56:02", datetime(1883, 1, 1, 4, 56, 2)),
        ("0044-03-15 BC", bounds.LOWEST),
        ("10000-01-01", bounds.HIGHEST),
        ("infinity", bounds.HIGHEST),
        ("-infinity", bounds.LOWEST),
    ],
)
def test_a_printed_bound_is_one_moment_on_the_keys_clock(printed: str, moment: datetime) -> None:
    assert bounds.parse(printed, "timestamptz") == moment


@pytest.mark.parametrize(
    ("printed", "key", "moment"),
    [
        ("1767225600", "seconds", datetime(2026, 1, 1)),
        ("1767225600000", "milliseconds", datetime(2026, 1, 1)),
        ("1767225600000001", "microseconds", datetime(2026, 1, 1, microsecond=1)),
        ("1767225600000001000", "nanoseconds", datetime(2026, 1, 1, microsecond=1)),
        ("-1000", "milliseconds", datetime(1969, 12, 31, 23, 59, 59)),
        ("9223372036854775807", "seconds", bounds.HIGHEST),
        ("-9223372036854775808", "seconds", bounds.LOWEST),
        ("019b76da-a800-0000-0000-000000000000", "uuidv7", datetime(2026, 1, 1)),
        ("019b76da-a800-7000-8000-000000000000", "uuidv7", datetime(2026, 1, 1)),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", "uuidv7", bounds.HIGHEST),
    ],
)
def test_a_bound_that_encodes_a_moment_is_read_and_written_alike(
    printed: str, key: bounds.KeyType, moment: datetime
) -> None:
    assert bounds.parse(printed, key) == moment
    if moment not in (bounds.HIGHEST, bounds.LOWEST) and "-7000-" not in printed:
        assert bounds.literal(moment, key) == printed


@pytest.mark.parametrize(
    ("printed", "key"),
    [("1", "nanoseconds"), ("019b76da-a800-7123-8000-000000000000", "uuidv7"), ("x", "seconds")],
)
def test_a_bound_between_two_moments_is_refused(printed: str, key: bounds.KeyType) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        bounds.parse(printed, key)


def test_a_bound_that_is_no_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="isoformat"):
        bounds.parse("1', '2026-01-01", "date")


def test_a_literal_means_the_same_in_every_session() -> None:
    moment = datetime(2026, 7, 1, 22)
    assert bounds.literal(moment, "timestamptz") == "2026-07-01 22:00:00+00"
    assert bounds.literal(moment, "timestamp") == "2026-07-01 22:00:00"
    assert bounds.literal(moment, "date") == "2026-07-01"


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("date", "date"),
        ("timestamp without time zone", "timestamp"),
        ("timestamp(3) with time zone", "timestamptz"),
        ("bigint", None),
        ("date[]", None),
    ],
)
def test_only_moments_are_keys(column: str, key: str | None) -> None:
    assert bounds.moment_type(column) == key
    assert bounds.key_type(column, None) == key


def test_a_number_or_uuid_is_a_key_where_it_is_said_what_it_holds() -> None:
    assert bounds.key_type("bigint", "milliseconds") == "milliseconds"
    assert bounds.key_type("uuid", "uuidv7") == "uuidv7"
    assert bounds.key_type("uuid", "seconds") is None
    assert bounds.key_type("date", "seconds") is None
    assert bounds.key_type("text", "uuidv7") is None
