"""Rows of the log that are known by their keys, so that whoever changes them has nothing to search for. Pure.

A key outlives what else of a night changes the row before its turn comes; a row's number does not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

from psycopg import sql

from lifecycle.postgres.catalog import Table

_LISTS: Mapping[str, LiteralString] = {
    "uuid": "{}::uuid[]",
    "smallint": "{}::smallint[]",
    "integer": "{}::integer[]",
    "bigint": "{}::bigint[]",
    "text": "{}::text[]",
    "character varying": "{}::character varying[]",
    "date": "{}::date[]",
    "timestamp with time zone": "{}::timestamp with time zone[]",
    "timestamp without time zone": "{}::timestamp without time zone[]",
}
"""Types whose values come back as they went out, with how a list of them says so: one of texts is of no type at all."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """Keys of rows, a list for each column of the primary key. `beside`: how many of the rows change in any case."""

    columns: tuple[list[Any], ...] = field(default=(), repr=False)
    beside: int = 0

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def joined(self, other: "Keyed") -> "Keyed":
        """Return both. Whatever is in both is meant once."""
        if not self.columns or not other.columns:
            return self if self.columns else other
        both = zip(self.columns, other.columns, strict=True)
        return Keyed(tuple(mine + theirs for mine, theirs in both), self.beside + other.beside)


def of_rows(rows: Sequence[tuple[Any, ...]]) -> Keyed:
    """Return the keys of rows of which the last column says whether the row changes in any case."""
    if not rows:
        return Keyed()
    *columns, beside = zip(*rows, strict=True)
    return Keyed(tuple(list(column) for column in columns), sum(map(bool, beside)))


def has_keys(log: Table) -> bool:
    """Say whether rows of this log can be known by keys: not those of a hypertable, nor by values of odd types."""
    plain = [_base(log, name) in _LISTS for name in log.primary_key]
    return bool(plain) and all(plain) and log.kind != "h"


def lists(log: Table) -> list[sql.Composed]:
    """Return the parameters %(key_0)s and so on, lists of the values of each column of such a key, in their types."""
    return [
        sql.SQL(_LISTS[_base(log, name)]).format(sql.Placeholder(f"key_{n}"))
        for n, name in enumerate(log.primary_key)
    ]


def _base(log: Table, name: str) -> str:
    column = log.column(name)
    return column.type.partition("(")[0] if column else ""
