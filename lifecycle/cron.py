"""When the slots of a cron expression are. Pure: no clock, no memory.

Debian cron's semantics, from cronsim: 0 and 7 are Sunday; day-of-month and day-of-week are alternatives unless
one of them starts with a star; `L`, `LW` and `FRI#2` are known. On the day the clock goes forward, a slot inside
the skipped hour comes right after it; on the day it goes back, a slot at a fixed time comes once, in the first of
the two hours. Expressions with a star for minute or hour follow the wall clock through both hours. (In the one
zone whose clock changes by half an hour, Lord Howe, such a starred expression may skip slots on that day.)

Instants are compared in UTC only: Python compares two aware datetimes of the same zone by their wall clock,
and so puts the second 02:30 of an autumn night beside the first.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from lifecycle.errors import InputError

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@hourly": "0 * * * *",
}

_ANY_DAY = datetime(2024, 1, 1, tzinfo=UTC)


def zone(timezone: str) -> tzinfo:
    """Return the zone called `timezone`. Raise InputError when there is none."""
    if timezone == "UTC":
        return UTC
    try:
        return ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):  # unknown, malformed, or the name of a folder
        raise InputError(
            f"no time zone is called {timezone!r}",
            hint="Write a name like 'UTC' or 'Europe/Berlin'.",
        ) from None


def check(expression: str, timezone: str) -> None:
    """Raise InputError unless `expression` is cron, names slots that exist, and `timezone` is a zone."""
    here = zone(timezone)
    try:
        next(CronSim(_spelled(expression), _ANY_DAY.astimezone(here)))
    except CronSimError as error:
        raise InputError(
            f"{expression!r} is not a cron expression: {str(error)[:60].lower()}",
            hint="Write minute, hour, day, month and weekday, like '30 2 * * *', "
            f"or one of {', '.join(MACROS)}.",
        ) from None
    except StopIteration:
        raise InputError(
            f"{expression!r} is never due", hint="Name a day that exists, like '0 0 28 2 *'."
        ) from None


def slots(expression: str, timezone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield every slot with after < slot <= until, in order, in UTC.

    `expression` and `timezone` have passed `check`. The same slots come out wherever `after` lies.
    """
    last = after.astimezone(UTC)
    end = until.astimezone(UTC)
    for local in CronSim(_spelled(expression), last.astimezone(zone(timezone))):
        slot = local.astimezone(UTC)
        if slot > end:
            return
        # Started within the second of two equal hours, cronsim names the first one's slot again.
        if slot > last:
            yield slot
            last = slot


def next_slot(expression: str, timezone: str, after: datetime) -> datetime | None:
    """Return the first slot after `after`, in UTC, or None when there is none within 50 years."""
    end = datetime.max.replace(tzinfo=UTC)
    return next(slots(expression, timezone, after, end), None)


def changes_clock(slot: datetime, timezone: str) -> bool:
    """Say whether the clocks change on the local day of `slot`."""
    midnight = slot.astimezone(zone(timezone)).replace(hour=0, minute=0, second=0, microsecond=0)
    evening = midnight.replace(hour=23, minute=59)
    return midnight.utcoffset() != evening.utcoffset()


def _spelled(expression: str) -> str:
    return MACROS.get(expression.strip().lower(), expression)
