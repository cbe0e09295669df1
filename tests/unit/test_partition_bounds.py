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
    assert bounds.parse(printed) == moment


def test_a_bound_that_is_no_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="isoformat"):
        bounds.parse("1', '2026-01-01")


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
    assert bounds.key_type(column) == key
