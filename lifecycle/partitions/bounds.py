"""Reads partition bounds as PostgreSQL prints them, and writes bounds as PostgreSQL reads them.

All bounds of one key are naive datetimes on one clock: the key's own wall clock for date and timestamp, UTC for every
other. PostgreSQL prints timestamptz bounds in the session's time zone; ours is UTC (lifecycle.postgres.connect), and a
printed offset is obeyed whatever it says. A number counts from 1970, a UUIDv7 begins with 48 bits of milliseconds
(RFC 9562, 5.7).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal
from uuid import UUID

Holds = Literal["seconds", "milliseconds", "microseconds", "nanoseconds", "uuidv7"]
"""What a key that is no moment holds instead."""

Moment = Literal["date", "timestamp", "timestamptz"]
"""The types that are a moment by themselves."""

KeyType = Moment | Holds

LOWEST = datetime.min  # noqa: DTZ901 - a sentinel on a naive clock
"""Stands for MINVALUE, -infinity and every date before the year 1."""

HIGHEST = datetime.max  # noqa: DTZ901 - a sentinel on a naive clock
"""Stands for MAXVALUE, infinity and every date after the year 9999."""

_WORDS = {"-infinity": LOWEST, "infinity": HIGHEST}
_TYPES: dict[str, Moment] = {
    "date": "date",
    "timestamp": "timestamp",
    "timestamp without time zone": "timestamp",
    "timestamptz": "timestamptz",
    "timestamp with time zone": "timestamptz",
}


_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the key's own clock
_PER_SECOND: Mapping[KeyType, int] = {
    "seconds": 1,
    "milliseconds": 10**3,
    "microseconds": 10**6,
    "nanoseconds": 10**9,
}
_NUMBERS = ("integer", "bigint")
_LAST_MILLISECOND = 2**48 - 1
_SMALLEST_V7 = 0x7000_8000_0000_0000_0000  # version and variant of the first one of a millisecond: some write it so


def on_utc(key: KeyType) -> bool:
    """Say whether bounds of such a key stand on UTC, and not on a wall clock of the key's own."""
    return key not in ("date", "timestamp")


def key_type(column_type: str, holds: Holds | None) -> KeyType | None:
    """Return which kind of moment a column of this type holds, or None when it holds none."""
    if holds is None:
        return moment_type(column_type)
    return holds if column_type in (("uuid",) if holds == "uuidv7" else _NUMBERS) else None


def moment_type(column_type: str) -> Moment | None:
    """Return which type of moment this is, or None for every other type."""
    return _TYPES.get(re.sub(r"\(\d\)", "", column_type))


@lru_cache(maxsize=4096)
def parse(text: str, key: KeyType) -> datetime:
    """Return the moment of one printed bound. Raise ValueError when it is not a moment. Of many tables most are alike.

    '2026-01-01' -> 2026-01-01 00:00, '2026-01-01 00:00:00+02' -> 2025-12-31 22:00 (UTC).
    """
    if key == "uuidv7":
        return _of_uuid(UUID(text))
    if key in _PER_SECOND:
        return _of_number(int(text), _PER_SECOND[key])
    if text in _WORDS:
        return _WORDS[text]
    if text.endswith(" BC"):
        return LOWEST
    if re.match(r"\d{5,}-", text):
        return HIGHEST
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _of_number(number: int, per_second: int) -> datetime:
    """Return the moment. Raise ValueError where it lies between two microseconds: a bound is read whole or not."""
    microseconds, rest = divmod(number * 10**6, per_second)
    if rest:
        raise ValueError(number)
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return HIGHEST if number > 0 else LOWEST


def _of_uuid(bound: UUID) -> datetime:
    """Return the moment. Raise ValueError where more is in it than that: a bound is read whole or not."""
    milliseconds, rest = divmod(bound.int, 2**80)
    if rest == 2**80 - 1 and milliseconds == _LAST_MILLISECOND:
        return HIGHEST
    if rest not in (0, _SMALLEST_V7):
        raise ValueError(bound)
    return _of_number(milliseconds, 10**3)


def value(moment: datetime, key: Holds) -> int | UUID:
    """Return `moment`, on UTC, as such a key is compared with it: the nearest there is, where it reaches no further."""
    microseconds = (moment - _EPOCH) // timedelta(microseconds=1)
    if key == "uuidv7":
        return UUID(int=min(max(microseconds // 10**3, 0), _LAST_MILLISECOND) * 2**80)
    return min(max(microseconds * _PER_SECOND[key] // 10**6, -(2**63)), 2**63 - 1)


def moment(value: int | UUID, key: Holds) -> datetime:
    """Return the moment, on UTC, that a value of such a key begins with."""
    if isinstance(value, UUID):
        return _of_number(value.int // 2**80, 10**3)
    return _of_number(value // max(1, _PER_SECOND[key] // 10**6), min(_PER_SECOND[key], 10**6))


def literal(moment: datetime, key: KeyType) -> str:
    """Return `moment` as a literal that means the same in every session, whatever its time zone.

    Raise ValueError where the key has no value for it: a UUIDv7 before 1970.
    """
    if key == "date":
        return moment.date().isoformat()
    if key in ("timestamp", "timestamptz"):
        return moment.isoformat(sep=" ") + ("+00" if key == "timestamptz" else "")
    microseconds = (moment - _EPOCH) // timedelta(microseconds=1)
    if key == "uuidv7":
        return str(UUID(int=microseconds // 10**3 * 2**80))
    return str(microseconds * _PER_SECOND[key] // 10**6)
