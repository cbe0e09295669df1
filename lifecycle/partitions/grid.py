"""The grid of periods a policy asks for: pure calendar arithmetic.

Every period is counted from the calendar's beginning, never by adding to the one before, so that nothing drifts
(31 January + 1 month + 1 month would be 29 March). Days and longer begin at midnight in the policy's time zone:
the day of a DST change is 23 or 25 hours long. Hours of a timestamptz key are hours that pass: the repeated hour
of autumn is a partition of its own, and the hour that spring leaves out has none. So are they of a key that counts
time since 1970, and of a UUID that begins with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count, islice, takewhile
from typing import Literal, NamedTuple, cast
from zoneinfo import ZoneInfo

from lifecycle.config.span import Span
from lifecycle.partitions.bounds import KeyType, on_utc

Unit = Literal["year", "quarter", "month", "week", "day", "hour"]

_HOUR = timedelta(hours=1)


class Every(NamedTuple):
    """The length of one period: so many years, quarters, months, weeks (from Monday), days or hours."""

    each: int
    unit: Unit

    @property
    def span(self) -> Span:
        """Return it as a span of time; a quarter is 3 months."""
        return (
            Span(3 * self.each, "month") if self.unit == "quarter" else Span(self.each, self.unit)
        )


@lru_cache
def every(text: str) -> Every:
    """Read `month`, `6 months`. The policy's shape has let nothing else through."""
    each, _, unit = text.rpartition(" ")
    return Every(int(each or "1"), cast("Unit", unit.removesuffix("s")))


@dataclass(frozen=True, slots=True)
class Slot:
    """One period, half open, on the key's clock (see bounds.py). `label` ends its partition's name."""

    lower: datetime
    upper: datetime
    label: str


@lru_cache
def slots(
    length: Every, key: KeyType, zone: ZoneInfo, now: datetime, ahead: int | Span
) -> tuple[Slot, ...]:
    """Return the period that `now` (aware) is in, and those after it: so many, or all that begin within a span.

    Kept for whoever asks the same again: of a hundred tables most are cut alike.
    """
    periods = _endless(length, key, zone, now)
    if isinstance(ahead, int):
        return tuple(islice(periods, ahead + 1))
    reach = ahead.after(now.astimezone(zone))
    last = reach.astimezone(UTC if on_utc(key) else zone).replace(tzinfo=None)
    return tuple(takewhile(lambda slot: slot.lower <= last, periods))


def between(
    length: Every, key: KeyType, zone: ZoneInfo, lower: datetime, upper: datetime
) -> Iterator[Slot]:
    """Yield the periods that meet the time from `lower` to `upper`, both on the key's clock."""
    first = lower.replace(tzinfo=UTC if on_utc(key) else zone)
    return takewhile(lambda slot: slot.lower < upper, _endless(length, key, zone, first))


def _endless(length: Every, key: KeyType, zone: ZoneInfo, now: datetime) -> Iterator[Slot]:
    if length.unit == "hour" and on_utc(key):
        return _hours(length.each, zone, now)
    return _calendar(length, key, zone, now)


def _calendar(length: Every, key: KeyType, zone: ZoneInfo, now: datetime) -> Iterator[Slot]:
    each, unit = length
    for index in count(_index(unit, now.astimezone(zone).replace(tzinfo=None)) // each):
        begins, ends = _begin(unit, index * each), _begin(unit, (index + 1) * each)
        label = _label(unit, begins)
        if on_utc(key):
            begins, ends = _to_utc(begins, zone), _to_utc(ends, zone)
        if begins < ends:  # Samoa had no 30 December 2011
            yield Slot(begins, ends, label)


def _hours(each: int, zone: ZoneInfo, now: datetime) -> Iterator[Slot]:
    # The anchor makes zones that are half an hour off UTC begin their hours at minute 0 of their own clock.
    anchor = datetime(2000, 1, 1, tzinfo=zone).astimezone(UTC)
    long = each * _HOUR
    for index in count((now - anchor) // long):
        begins = anchor + index * long
        local = begins.astimezone(zone)
        label = _label("hour", local) + ("b" if local.fold else "")
        begins = begins.replace(tzinfo=None)
        yield Slot(begins, begins + long, label)


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
