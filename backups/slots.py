"""Which dumps there should be: of each day, week and month, by the policy's own calendar. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from backups.manifest import Manifest
from backups.section import Copies, Dumps
from lifecycle.config.span import Span

Name = Literal["daily", "weekly", "monthly"]
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """One class of dumps: where they lie, and how long each is kept; None: nothing says that one ends."""

    name: Name
    bucket: str
    prefix: str
    keep: Span | None


def kinds(dumps: Dumps) -> tuple[Kind, ...]:
    """Return the classes that the policy asks for, the daily one first."""
    found = [Kind("daily", dumps.bucket, dumps.prefix, dumps.keep)]
    if dumps.weekly is not None:
        found.append(_copies("weekly", dumps, dumps.weekly))
    if dumps.monthly is not None:
        found.append(_copies("monthly", dumps, dumps.monthly))
    return tuple(found)


def _copies(name: Name, dumps: Dumps, copies: Copies) -> Kind:
    return Kind(name, copies.bucket or dumps.bucket, copies.prefix, copies.keep)


def label(name: Name, day: date) -> str:
    """Return what the slot of this day is called in keys: `2026-11-21`, `2026-W47` (ISO), `2026-11`."""
    if name == "weekly":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02}"
    return f"{day:%Y-%m}" if name == "monthly" else f"{day:%Y-%m-%d}"


def of(dumped: Manifest, kind: Kind) -> str:
    """Return the slot a dump lies under."""
    return dumped.key.removeprefix(kind.prefix).partition("/")[0]


def day(dumped: Manifest, zone: str) -> date:
    """Return the policy's local day of a dump."""
    return dumped.slot.astimezone(ZoneInfo(zone)).date()


def over_age(dumped: Manifest, kind: Kind, now: datetime) -> bool:
    """Say whether a dump has been kept for as long as its class is."""
    return kind.keep is not None and kind.keep.after(dumped.slot) <= now


def over(kind: Kind, key: str, now: datetime, zone: str) -> bool:
    """Say whether what lies under this key is over age by its place: a manifest can be changed, a key cannot."""
    if kind.keep is None:
        return False
    last = kind.keep.before(now).astimezone(ZoneInfo(zone)).date()
    return key.removeprefix(kind.prefix).partition("/")[0] <= label(kind.name, last)


def due(kind: Kind, since: date, now: datetime, zone: str) -> tuple[str, ...]:
    """Return the days, weeks or months that are over, from that of `since` on, and whose dump is still kept."""
    today = now.astimezone(ZoneInfo(zone)).date()
    kept = kind.keep.before(now).astimezone(ZoneInfo(zone)).date() if kind.keep else since
    days = (since + n * DAY for n in range(max((today - since).days, 0)))
    over = {label(kind.name, one): None for one in days if one > kept or kind.keep is None}
    over.pop(label(kind.name, today), None)
    return tuple(over)


def sources(
    kind: Kind, dailies: Iterable[Manifest], now: datetime, zone: str
) -> Mapping[str, Manifest]:
    """Return of which daily dump each week or month is to have a copy: the week's last, the month's first.

    A week still going on has one when its Sunday's dump is there.
    """
    found = dict[str, Manifest]()
    week = label("weekly", now.astimezone(ZoneInfo(zone)).date())
    for dumped in sorted(dailies, key=lambda one: one.slot, reverse=kind.name == "monthly"):
        its = day(dumped, zone)
        if kind.name == "weekly" and label("weekly", its) == week and its.isoweekday() != 7:
            continue
        if not over_age(dumped, kind, now):
            found[label(kind.name, its)] = dumped
    return found


def newest(kind: Kind, dumps: Iterable[Manifest]) -> Manifest | None:
    """Return the one that is never deleted, if there is any: by its place, then by what it says."""
    return max(dumps, key=lambda dumped: (of(dumped, kind), dumped.slot), default=None)
