"""Reads partition bounds as PostgreSQL prints them, and writes bounds as PostgreSQL reads them.

All bounds of one key are naive datetimes on one clock: UTC for a timestamptz key, the key's own wall clock for
date and timestamp. PostgreSQL prints timestamptz bounds in the session's time zone; ours is UTC
(lifecycle.postgres.connect), and a printed offset is obeyed whatever it says.
"""

import re
from datetime import UTC, datetime
from typing import Literal

KeyType = Literal["date", "timestamp", "timestamptz"]

LOWEST = datetime.min  # noqa: DTZ901 - a sentinel on a naive clock
"""Stands for MINVALUE, -infinity and every date before the year 1."""

HIGHEST = datetime.max  # noqa: DTZ901 - a sentinel on a naive clock
"""Stands for MAXVALUE, infinity and every date after the year 9999."""

_WORDS = {"-infinity": LOWEST, "infinity": HIGHEST}
_TYPES: dict[str, KeyType] = {
    "date": "date",
    "timestamp": "timestamp",
    "timestamp without time zone": "timestamp",
    "timestamptz": "timestamptz",
    "timestamp with time zone": "timestamptz",
}


def key_type(column_type: str) -> KeyType | None:
    """Return which kind of moment a column of this type holds, or None for every other type."""
    return _TYPES.get(re.sub(r"\(\d\)", "", column_type))


def parse(text: str) -> datetime:
    """Return the moment of one printed bound. Raise ValueError when it is not a moment.

    '2026-01-01' -> 2026-01-01 00:00, '2026-01-01 00:00:00+02' -> 2025-12-31 22:00 (UTC).
    """
    if text in _WORDS:
        return _WORDS[text]
    if text.endswith(" BC"):
        return LOWEST
    if re.match(r"\d{5,}-", text):
        return HIGHEST
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def literal(moment: datetime, key: KeyType) -> str:
    """Return `moment` as a literal that means the same in every session, whatever its time zone."""
    if key == "date":
        return moment.date().isoformat()
    return moment.isoformat(sep=" ") + ("+00" if key == "timestamptz" else "")
