"""What pg_partman's own table says of the tables that it looks after, in the words of a policy.

It keeps them in `part_config`, in whatever schema its extension was put, and those that it partitions below others in
`part_config_sub` beside it (versions 4.7 to 5.5). Reads only.

Whose word that is: PostgreSQL says which tables are of the extension pg_partman, which takes a superuser to make (or
who administers a server for others). Whatever else is called `part_config` anybody could have made who has a schema, to
stop other people's partitions; so where pg_partman was put in without `create extension` it is not seen. And nobody's
code runs when it is read, not even that of the table's owner: it is no view, and its values come as they are.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from lifecycle.errors import Refused
from lifecycle.partitions import statements_of_partman
from lifecycle.postgres import connect
from lifecycle.postgres.names import policy_name

Row = Mapping[str, Any]

_MAINTAINED = {"parent_table": "text", "automatic_maintenance": "text"}
_ALL = _MAINTAINED | {
    "control": "text",
    "partition_interval": "text",
    "premake": "integer",
    "epoch": "text",
    "retention": "text",
    "retention_keep_table": "boolean",
    "retention_schema": "text",
    "undo_in_progress": "boolean",
}


@dataclass(frozen=True, slots=True)
class _Its:
    """A table of pg_partman's. `columns` are those of PostgreSQL's own types, with them."""

    name: str
    owner: str
    columns: Mapping[str, str]
    strangers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """How pg_partman looks after a table: `config` is where it says so, `spelled` how it spells the table there.

    `every` and `after` are in the words of a policy, None where there are none for it; `interval` and `retention` are
    its own. `keeps`: what ends is taken off and kept. `below`: its partitions are partitioned, None where that cannot
    be told. `digest` is of all that the row says. `owner` is that of `config`, and `strangers` say what code of others
    could run with his rights when the row is changed.
    """

    table: str
    config: str
    owner: str
    strangers: tuple[str, ...]
    spelled: str
    by: str
    interval: str
    every: str | None
    ahead: int
    holds: str | None
    retention: str | None
    after: str | None
    keeps: bool
    schema: str | None
    undo: bool
    maintained: bool
    below: bool | None
    digest: str


def maintained(conn: Connection[TupleRow]) -> dict[str, str]:
    """Return the tables that pg_partman looks after by itself, each with where it says so.

    Raise LifecycleError where its table cannot be read, and psycopg.Error as it comes.
    """
    its = _find(conn).get("part_config")
    if its is None:
        return {}
    found = _rows(conn, its, _MAINTAINED)
    return {table: its.name for table, row in found.items() if _is_maintained(row)}


def tables(conn: Connection[TupleRow]) -> list[str]:
    """Return all that it has a row for, in order. Raise as `maintained` does."""
    its = _find(conn).get("part_config")
    return sorted(_rows(conn, its, _MAINTAINED)) if its else []


def look(conn: Connection[TupleRow], table: str) -> Config | None:
    """Return what it says of a table, None where it says nothing. Raise as `maintained` does."""
    found = _find(conn)
    its, sub = found.get("part_config"), found.get("part_config_sub")
    row = _rows(conn, its, _ALL).get(table) if its else None
    if its is None or row is None:
        return None
    below = _rows(conn, sub, {"sub_parent": "text"}, key="sub_parent") if sub else None
    interval, length_of = _time(conn, row["partition_interval"])
    retention, span_of = _time(conn, row["retention"])
    return Config(
        table=table,
        config=its.name,
        owner=its.owner,
        strangers=its.strangers,
        spelled=row["parent_table"],
        by=row["control"],
        interval=interval,
        every=length(*length_of) if length_of else None,
        ahead=row["premake"],
        holds=None if row["epoch"] == "none" else row["epoch"],
        retention=None if row["retention"] is None else retention,
        after=span(*span_of) if span_of else None,
        keeps=bool(row["retention_keep_table"] or row["retention_schema"]),
        schema=row["retention_schema"],
        undo=bool(row["undo_in_progress"]),
        maintained=_is_maintained(row),
        below=None if below is None else table in below,
        digest=hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest(),
    )


def _find(conn: Connection[TupleRow]) -> dict[str, _Its]:
    return {
        relname: _Its(policy_name(schema, relname), owner, columns, tuple(strangers))
        for relname, schema, owner, columns, strangers in conn.execute(statements_of_partman.TABLES)
    }


def _rows(
    conn: Connection[TupleRow], its: _Its, wanted: Mapping[str, str], key: str = "parent_table"
) -> dict[str, Row]:
    """Return its rows by the table that they are about, with all columns of PostgreSQL's own types."""
    lacking = [column for column, kind in wanted.items() if its.columns.get(column) != kind]
    if lacking:
        raise Refused(
            f"{its.name} is not as pg_partman makes it: {lacking[0]} is missing, or no {wanted[lacking[0]]}",
            hint="Known are the tables of pg_partman 4.7 to 5.5: compare it with theirs.",
        )
    try:
        with (
            conn.transaction(force_rollback=True),  # what is set here is for this question alone
            conn.cursor(row_factory=dict_row) as cursor,
        ):
            conn.execute(statements_of_partman.NO_VIEWS)
            found = cursor.execute(statements_of_partman.rows(its.name, its.columns)).fetchall()
    except psycopg.Error as error:
        said = connect.explain(error)
        raise type(said)(f"{its.name} cannot be read: {said.what}", hint=said.hint) from None
    return {_table(row[key]): row for row in found if row[key] is not None}


def _is_maintained(row: Row) -> bool:
    return row["automatic_maintenance"] != "off"


def _table(spelled: str) -> str:
    """Return what a policy calls the table that pg_partman spells so: schema.name, nothing in quotes."""
    schema, _, relname = spelled.partition(".")
    return policy_name(schema, relname)


def _time(conn: Connection[TupleRow], said: str | None) -> tuple[str, tuple[int, int, int] | None]:
    """Return a time as PostgreSQL says it, and its months, days and seconds, None where it is not made of such."""
    if said is not None and said.isascii() and said.isdecimal():
        return said, None  # a count of ids, which PostgreSQL would read as one of seconds
    try:
        with conn.transaction():
            row = conn.execute(statements_of_partman.TIME, {"said": said}).fetchone()
    except psycopg.DataError:
        row = None
    if row is None:
        return "what is no time", None  # whatever stands there instead is nobody's to read
    text, months, days, microseconds = row
    seconds, rest = divmod(microseconds, 10**6)
    return text, None if rest else (months, days, seconds)


def length(months: int, days: int, seconds: int) -> str | None:
    """Return how a policy says the length of a partition: `month`, `6 months`; None where it cannot."""
    match months, days, seconds:
        case 3, 0, 0:
            return "quarter"
        case int(), 0, 0 if months % 12 == 0:
            return _several(months // 12, "year")
        case int(), 0, 0:
            return _several(months, "month")
        case 0, int(), 0:
            return _several(days // 7, "week") if days % 7 == 0 else _several(days, "day")
        case 0, 0, int() if seconds % 3600 == 0:
            return _several(seconds // 3600, "hour")
        case _:
            return None


def _several(count: int, unit: str) -> str | None:
    return unit if count == 1 else f"{count} {unit}s" if 1 < count < 100 else None


def span(months: int, days: int, seconds: int) -> str | None:
    """Return how a policy says a time: `90 days`; None where it cannot."""
    counts = ((months // 12, "year"),) if months % 12 == 0 else ((months, "month"),)
    said = [(n, unit) for n, unit in (*counts, (days, "day"), (seconds // 3600, "hour")) if n]
    if len(said) != 1 or said[0][0] < 0 or seconds % 3600:
        return None
    [(count, unit)] = said
    return f"{count} {unit}{'s' if count > 1 else ''}"
