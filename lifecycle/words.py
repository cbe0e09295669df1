"""How people read a moment, a span of time, a number of things, and a word they mistyped. Pure.

The one place for each of these: every command, message and summary writes them alike. The report has a way of its own.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from zoneinfo import ZoneInfo

_UNITS = ((86_400, "day"), (3_600, "h"), (60, "min"), (1, "s"))


def moment(at: datetime, zone: str | None = None) -> str:
    """Return an instant to the second: `2026-11-21 02:00:00Z`, or in a zone with its offset, `... 03:00:00+01:00`."""
    if zone is None or zone == "UTC":
        return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return at.astimezone(ZoneInfo(zone)).replace(microsecond=0).isoformat(sep=" ")


def span(of: timedelta) -> str:
    """Return a length of time in its two largest units: `3 days`, `1 day 2 h`, `2 min 3 s`; below a minute `0.4 s`."""
    seconds = of.total_seconds()
    if seconds < 0:
        return f"-{span(-of)}"
    if seconds < 10 and seconds % 1:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    left, parts = round(seconds), list[str]()
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(counted(count, unit) if unit == "day" else f"{count} {unit}")
        elif parts:
            break  # `1 day 5 s` would be a precision nobody means
    return " ".join(parts[:2]) or "0 s"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: `1 owner`, `2 owners`, `1,200 rows`; `many` where it is no plain `s`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` was most likely meant to be, if one is close, whatever its case."""
    lower = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(word.lower(), lower, n=1)
    return lower[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """Return `did you mean 'x'?` where a known word is close to `word`, else `otherwise`."""
    close = closest(word, known)
    return f"did you mean {close!r}?" if close else otherwise


def choices(word: str, known: Iterable[str], lead: str) -> str:
    """Return the hint for a word that is none of `known`: the one that was meant, if it shows, and all there are.

    `lead` begins the list: `Jobs are`.
    """
    names = list(known)
    close = closest(word, names)
    return (f"Did you mean `{close}`? " if close else "") + f"{lead}: {', '.join(names)}."
