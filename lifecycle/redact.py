"""Takes out of a log line whatever may speak of a person or open a door. Runs last, over everything.

What may stay is listed, not what must go: the value of a key nobody has thought of is removed. What remains is
searched for the shapes of secrets and personal values all the same. Never sees a clock, a file or a setting.
"""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, cast

REMOVED = "[removed]"
LONGEST = 2000
"""Characters of one string that are kept."""

KEYS = frozenset({
    "event", "level", "timestamp", "logger", "system", "systems", "room", "job", "jobs", "run",
    "runs", "attempt", "attempts", "holder", "state", "verdict", "counts", "count", "failures",
    "target", "seconds", "error", "hint", "code", "exit_code", "sqlstate", "table", "constraint",
    "host", "pid", "version", "instance", "kind", "reference", "digest", "hash", "plan", "policy",
    "scheduled_for", "asked_by", "due", "delay", "limit", "deadline", "skew", "tick", "workers",
    "queued", "running", "missed", "lost", "signal", "channel", "alert", "alerts", "address",
    "path", "exception", "type", "place", "frames", "summary", "program", "bytes", "rows", "steps",
    "database", "claimed", "drained", "because",
})  # fmt: skip
"""The keys whose values may be logged. A new one is added here, where a reviewer sees it."""

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # PostgreSQL quotes rows: `Key (email)=(a@b.example)`, `Failing row contains (...)`, `for type uuid: "..."`.
    (re.compile(r"\([^()]*\)=\(.*?\)(?=\s|\.|,|$)"), f"({REMOVED})"),
    (re.compile(r"(row contains )\(.*\)", re.DOTALL), rf"\1({REMOVED})"),
    (re.compile(r'((?:input|value)[^"\n]{0,80}: )"[^"]*"'), rf"\1{REMOVED}"),
    # A connection string's password, as a keyword or inside a URL.
    (re.compile(r"((?:password|passwd|pwd|secret|token)['\"]?\s*[=:]\s*)('(?:[^'\\]|\\.)*'|\"[^\"]*\"|\S+)",
                re.IGNORECASE), rf"\1{REMOVED}"),
    (re.compile(r"(://[^/@\s:]*:)[^/@\s]+(@)"), rf"\1{REMOVED}\2"),
    # What follows the host in a URL: a webhook's token, a ping's id, an object's key.
    (re.compile(r"(\bhttps?://[^/\s\"']+/)[^\s\"']+"), rf"\1{REMOVED}"),
    (re.compile(r"\b(?:bearer|basic)\s+[\w.~+/=-]+", re.IGNORECASE), REMOVED),
    (re.compile(r"\b(?:[srp]k_(?:live|test)_|whsec_)[A-Za-z0-9]+"), REMOVED),
    (re.compile(r"\b(?:cus|pm|sub|in|ch)_(?=[A-Za-z]*\d)[A-Za-z0-9]{8,}"), REMOVED),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), REMOVED),
    (re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+"), REMOVED),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), REMOVED),
)  # fmt: skip


def redactor(_logger: object, _method: str, event: Mapping[str, object]) -> dict[str, object]:
    """Return the event with nothing left in it that is not listed. The last processor before the renderer."""
    return {key: value(found) if key in KEYS else REMOVED for key, found in event.items()}


def text(words: str) -> str:
    """Return `words` without what has the shape of a secret or of a personal value."""
    for pattern, instead in _PATTERNS:
        words = pattern.sub(instead, words)
    return words if len(words) <= LONGEST else words[:LONGEST] + "..."


def value(found: Any) -> object:
    """Return a value that may stand in a log line, at any depth."""
    match found:
        case None | bool() | int() | float():
            return found
        case Enum():
            return value(found.value)
        case str() | Path() | date() | timedelta():  # a datetime is a date
            return text(str(found))
        case Mapping():
            return _mapping(cast("Mapping[object, Any]", found))
        case list() | tuple() | set() | frozenset():
            return [value(one) for one in cast("list[Any]", found)]
        case _:  # its own words may quote anything
            return f"[{type(found).__name__}]"


def _mapping(found: Mapping[object, Any]) -> dict[str, object]:
    """Numbers stay under any name (counts per table); words only under a listed one."""
    return {
        text(str(key)): value(one)
        if key in KEYS or isinstance(one, bool | int | float | Mapping | None)
        else REMOVED
        for key, one in found.items()
    }
