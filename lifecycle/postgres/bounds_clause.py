"""By which column a table is partitioned, and what a clause of bounds says of that column. Pure."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from lifecycle.postgres.shape import Column

_MOMENT = re.compile(r"^(date|timestamp(\(\d\))? with(out)? time zone)$")
_END = r"\(((?:'(?:[^']|'')*'|[^'()])*)\)"
_RANGE = re.compile(f"^FOR VALUES FROM {_END} TO {_END}$")
_VALUE = re.compile(r"'(?:[^']|'')*'|[^,\s]+")


class PartitionKey(NamedTuple):
    """The column by which a table is partitioned, those that come before it in the key, and how many come behind it."""

    name: str | None = None
    before: tuple[str, ...] = ()
    behind: int = 0


def partition_key(
    strategy: str, numbers: Sequence[int] | None, columns: Mapping[int, Column]
) -> PartitionKey:
    """Return the key of a table partitioned by the columns of these numbers; 0 is an expression.

    It is the one column, or of a range of several the only one that is a moment; else it has no name.
    """
    if not numbers or 0 in numbers:
        return PartitionKey()
    of = [columns[number] for number in numbers]
    moments = [place for place, column in enumerate(of) if _MOMENT.match(column.type)]
    if len(of) > 1 and (strategy != "r" or len(moments) != 1):
        return PartitionKey()
    nth = moments[0] if len(of) > 1 else 0
    names = tuple(column.name for column in of)
    return PartitionKey(names[nth], names[:nth], len(names) - nth - 1)


@lru_cache(maxsize=4096)
def range_bounds(bound: str, nth: int = 0) -> tuple[str | None, str | None]:
    """Return lower and upper bound of a clause, without quotes; None where it is unbounded, or no range.

    Of a key of several columns that are the bounds of its column `nth`, from 0: none where the columns before it take
    more than one value. A bound that goes on behind that column is returned whole: it is no value of it, but lies in
    the middle of one.
    """
    match = _RANGE.match(bound)
    if match is None or (nth and range_values(bound, nth) is None):
        return None, None
    return _bare(match[1], nth), _bare(match[2], nth)


def range_values(bound: str, nth: int) -> tuple[str, ...] | None:
    """Return the one value each of the first `nth` columns of a key has in a clause; None where one has several."""
    match = _RANGE.match(bound)
    if match is None:
        return None
    lower, upper = (_VALUE.findall(of)[:nth] for of in match.groups())
    return tuple(map(_unquoted, lower)) if lower == upper else None


def _bare(text: str, nth: int) -> str | None:
    values = _VALUE.findall(text)[nth:]
    if values[0] in ("MINVALUE", "MAXVALUE"):
        return None
    return _unquoted(values[0]) if set(values[1:]) <= {"MINVALUE"} else text


def _unquoted(text: str) -> str:
    return text[1:-1].replace("''", "'") if text.startswith("'") else text
