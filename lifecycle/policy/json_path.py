"""Where in a document the values of a plain jsonpath stand: names and `[*]` after `$`, as PostgreSQL reads them. Pure.

Any other path (a filter, a method, `**`, `strict`) finds values, and does not tell where they stand.
"""

import re
from collections.abc import Iterator
from typing import Any, cast

_PLAIN = re.compile(r"\s*(?:lax\s+)?\$((?:\.[A-Za-z_]\w*|\.\"[^\"\\]*\"|\[\*\])+)\s*")
_STEP = re.compile(r"\.(?P<bare>[A-Za-z_]\w*)|\.\"(?P<quoted>[^\"\\]*)\"|\[\*\]")
Step = str | None
"""A name, or None for each value of a list."""
Location = tuple[str | int, ...]


def steps(path: str | None) -> tuple[Step, ...] | None:
    """Return the steps of a plain path, None of any other."""
    found = _PLAIN.fullmatch(path or "")
    if found is None:
        return None
    return tuple(one["bare"] or one["quoted"] for one in _STEP.finditer(found[1]))


def values(
    document: Any, way: tuple[Step, ...], at: Location = ()
) -> Iterator[tuple[Location, Any]]:
    """Yield (where, value) of all that stands there. Of a list, each of its values."""
    inside = _each(document, at)
    if not way:
        yield from inside
        return
    first, *rest = way
    for where, one in inside:
        if first is None:
            yield from values(one, tuple(rest), where)
        elif isinstance(one, dict) and first in one:
            yield from values(cast("dict[str, Any]", one)[first], tuple(rest), (*where, first))


def _each(document: Any, at: Location) -> list[tuple[Location, Any]]:
    if isinstance(document, list):
        return [((*at, n), one) for n, one in enumerate(cast("list[Any]", document))]
    return [(at, document)]
