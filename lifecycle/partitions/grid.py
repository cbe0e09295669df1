"""The grid of periods a policy asks for: pure calendar arithmetic.

Every period is counted from the calendar's beginning, never by adding to the one before, so that nothing drifts
(31 January + 1 month + 1 month would be 29 March). Days and longer begin at midnight in the policy's time zone:
the day of a DST change is 23 or 25 hours long. Hours of a timestamptz key are hours that pass: the repeated hour
of autumn is a partition of its own, and the hour that spring leaves out has none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Literal
from zoneinfo import ZoneInfo

from lifecycle.partitions.bounds import KeyType

Unit = Literal["year", "quarter", "month", "week", "day", "hour"]

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Slot:
    """One period, half open, on the key's clock (see bounds.py). `label` ends its partition's name."""

    lower: datetime
    upper: datetime
    label: str


def slots(unit: Unit, key: KeyType, zone: ZoneInfo, now: datetime, ahead: int) -> tuple[Slot, ...]:
    """Return the period that `now` (aware) is in, and the `ahead` periods after it."""
    endless = (
        _hours(zone, now)
        if (unit, key) == ("hour", "timestamptz")
        else _calendar(unit, key, zone, now)
    )
    return tuple(islice(endless, ahead + 1))


def _calendar(unit: Unit, key: KeyType, zone: ZoneInfo, now: datetime) -> Iterator[Slot]:
    for index in count(_index(unit, now.astimezone(zone).replace(tzinfo=None))):
        begins, ends = _begin(unit, index), _begin(unit, index + 1)
        label = _label(unit, begins)
        if key == "timestamptz":
            begins, ends = _to_utc(begins, zone), _to_utc(ends, zone)
        if begins < ends:  # Samoa had no 30 December 2011
            yield Slot(begins, ends, label)


def _hours(zone: ZoneInfo, now: datetime) -> Iterator[Slot]:
    # The anchor makes zones that are half an hour off UTC begin their hours at minute 0 of their own clock.
    anchor = datetime(2000, 1, 1, tzinfo=zone).astimezone(UTC)
    for index in count((now - anchor) // _HOUR):
        begins = anchor + index * _HOUR
        local = begins.astimezone(zone)
        label = _label("hour", local) + ("b" if local.fold else "")
        begins = begins.replace(tzinfo=None)
        yield Slot(begins, begins + _HOUR, label)


def _index(unit: Unit, moment: datetime) -> int:
    """Return the number of the period that `moment` is in, counted from the year 0 or 1."""
    match unit:
        case "year":
            return moment.year
        case "quarter":
            return moment.year * 4 + (moment.month - 1) // 3
        case "month":
            return moment.year * 12 + moment.month - 1
        case "week":  # 1 January of the year 1 was a Monday
            return (moment.toordinal() - 1) // 7
        case "day":
            return moment.toordinal()
        case "hour":
            return moment.toordinal() * 24 + moment.hour


def _begin(unit: Unit, index: int) -> datetime:
    """Return the first moment of the period with this number. The inverse of `_index`."""
    match unit:
        case "year":
            return datetime(index, 1, 1)  # noqa: DTZ001 - the key's own clock
        case "quarter":
            return datetime(index // 4, index % 4 * 3 + 1, 1)  # noqa: DTZ001
        case "month":
            return datetime(index // 12, index % 12 + 1, 1)  # noqa: DTZ001
        case "week":
            return datetime.fromordinal(index * 7 + 1)
        case "day":
            return datetime.fromordinal(index)
        case "hour":
            return datetime.fromordinal(index // 24) + index % 24 * _HOUR


def _label(unit: Unit, begins: datetime) -> str:
    """Return `2027`, `2026_q4`, `2027_01`, `2027_w05` (ISO), `2027_01_31` or `2027_01_31_13`."""
    match unit:
        case "year":
            return f"{begins:%Y}"
        case "quarter":
            return f"{begins:%Y}_q{(begins.month + 2) // 3}"
        case "month":
            return f"{begins:%Y_%m}"
        case "week":
            return f"{begins:%G_w%V}"
        case "day":
            return f"{begins:%Y_%m_%d}"
        case "hour":
            return f"{begins:%Y_%m_%d_%H}"


def _to_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """Return a local midnight in UTC; one that a DST change leaves out is the moment of the change."""
    return local.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
