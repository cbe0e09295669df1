"""When a row's time is over: pure calendar arithmetic.

A rule of whole days ends at midnight in the policy's time zone, so that it means the same all day long and a plan
made in the morning can be applied in the evening. Example: `90 days`, zone Europe/Berlin, run at 2026-11-21 03:00 UTC:

    today in Berlin         2026-11-21
    begins                  2026-11-21 00:00+01
    90 days before          2026-08-23 00:00+02  (summer time: still midnight)
    cutoff                  2026-08-22 22:00 UTC

A row dated 2026-08-22 21:59:59.999999 UTC is overdue, one dated 22:00:00 has another day. A date column compares
with 2026-08-23: the 22nd goes, the 23rd stays. Rules in hours count back from the last whole hour, rules in minutes
or seconds from the last whole minute, so that their plans hold for as long. A row that says itself when it ends is
overdue from the next whole hour on, and one that says a date from the next day on.
"""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from lifecycle.config.span import Span
from lifecycle.partitions.bounds import KeyType

_DAYS = ("day", "week", "month", "year")


def cutoff(after: Span | None, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the moment (aware, in `zone`) before which a row is overdue; the last whole hour without `after`.

    `now` is aware.
    """
    local = now.astimezone(zone)
    if after is None:
        return local.replace(minute=0, second=0, microsecond=0)
    if after.unit in _DAYS:
        local = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    elif after.unit == "hour":
        local = local.replace(minute=0, second=0, microsecond=0)
    else:
        local = local.replace(second=0, microsecond=0)
    return after.before(local)


def value(moment: datetime, key: KeyType) -> datetime | date:
    """Return the cutoff as a column of this type compares with it.

    A date or timestamp without a zone is read on the wall clock of the policy's zone, which `moment` is in; whatever
    else holds a time counts on UTC.
    """
    match key:
        case "date":
            return moment.date()
        case "timestamp":
            return moment.replace(tzinfo=None)
        case _:
            return moment.astimezone(UTC)


def of_key(moment: datetime, key: KeyType) -> datetime | date:
    """Return a moment on the key's own clock as a column of this type compares with it."""
    match key:
        case "date":
            return moment.date()
        case "timestamp":
            return moment
        case _:
            return moment.replace(tzinfo=UTC)
