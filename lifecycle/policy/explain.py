"""Says by which way rows of a table lead to a person, and whether one row does. `telling.py` says what follows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.errors import InputError, NotFound
from lifecycle.policy import graph, joins, virtual
from lifecycle.policy.asking import Ask, asking
from lifecycle.policy.evidence import BUDGET
from lifecycle.policy.model import Parties, Policy, SharedBy
from lifecycle.postgres.catalog import Catalog, ForeignKey
from lifecycle.postgres.names import sql_name


@dataclass(frozen=True, slots=True)
class Way:
    """One way from a row to a person of this kind: over `keys`, then by `column` of the last table's row.

    `shares` is the people's column that points there, where people share the last row.
    """

    kind: str
    keys: tuple[ForeignKey, ...]
    column: str
    shares: str | None = None

    def __str__(self) -> str:
        steps = [
            f"{k.table}.{'+'.join(sorted(virtual.names(k)))} -> {k.referenced}" for k in self.keys
        ]
        end = (
            f"{self.shares} points there" if self.shares else f"{self.column} names the {self.kind}"
        )
        return ", ".join([*steps, end])


def ways(policy: Policy, catalog: Catalog, table: str, kind: str) -> tuple[Way, ...]:
    """Return every way from rows of this table to people of this kind. `catalog` has the references of the policy."""
    return tuple(_ways(policy, catalog, table, kind, ()))


def _ways(
    policy: Policy, catalog: Catalog, table: str, kind: str, before: tuple[ForeignKey, ...]
) -> Iterator[Way]:
    how = (policy.tables[table].owner or {}).get(kind)
    match how:
        case str(column):
            yield Way(kind, before, column)
        case SharedBy():
            shares = policy.subjects[kind].table, how.shared_by.rpartition(".")[2]
            for key in catalog.foreign_keys:
                if (key.table, key.columns[0], key.referenced) == (*shares, table):
                    yield Way(kind, before, key.referenced_columns[0], how.shared_by)
        case Parties():
            yield from (Way(kind, before, column) for column in how.party)
        case _:
            for key in graph.ways(policy, catalog, table, kind):
                if key not in before:
                    yield from _ways(policy, catalog, key.referenced, kind, (*before, key))


def people(
    conn: Connection[TupleRow], policy: Policy, catalog: Catalog, table: str, key: Sequence[str]
) -> tuple[tuple[Way, int], ...]:
    """Return (way, how many people it leads to) of the row with this primary key. Reads, and keeps no value.

    Raise InputError when the table has no such primary key, NotFound when there is no such row.
    """
    primary = catalog.table(table).primary_key
    if len(primary) != len(key):
        named = ", ".join(primary) or "none, so no row of it can be named"
        raise InputError(
            f"{table} has another primary key: {named}",
            hint="Give a value for each of its columns, with commas.",
        )
    row = sql.SQL(" and ").join(
        sql.SQL("t0.{}::text = {}").format(sql.Identifier(name), sql.Placeholder(f"k{number}"))
        for number, name in enumerate(primary)
    )
    values = {f"k{number}": value for number, value in enumerate(key)}
    there = sql.SQL("select count(*) from {} as t0 where {}").format(sql_name(table), row)
    with asking(conn, catalog.table(table).owner, BUDGET) as ask:
        if _count(ask, there, values) == 0:
            raise NotFound(
                f"no row of {table} has this key", hint=f"Its columns are: {', '.join(primary)}."
            )
        return tuple(
            (way, _count(ask, _people(policy, table, way, row), values))
            for kind in policy.tables[table].owner or {}
            for way in ways(policy, catalog, table, kind)
        )


def _people(policy: Policy, table: str, way: Way, row: sql.Composed) -> sql.Composed:
    """Return the query of how many people a way leads to."""
    subject = policy.subjects[way.kind]
    last = f"t{len(way.keys)}"
    steps = [
        sql.SQL(" join {table} as {alias} on {on}").format(
            table=sql_name(key.referenced),
            alias=sql.Identifier(f"t{number}"),
            on=joins.on(key, f"t{number - 1}", f"t{number}"),
        )
        for number, key in enumerate(way.keys, start=1)
    ]
    return sql.SQL(
        "select count(distinct p.{key}) from {table} as t0{steps} join {people} as p on {end} where {row}"
    ).format(
        key=sql.Identifier(subject.key),
        table=sql_name(table),
        steps=sql.SQL("").join(steps),
        people=sql_name(subject.table),
        end=_end(policy, way, last),
        row=row,
    )


def _end(policy: Policy, way: Way, last: str) -> sql.Composed:
    """Return the condition that `p` is a person of this kind at the end of the way."""
    subject = policy.subjects[way.kind]
    by = way.shares.rpartition(".")[2] if way.shares else subject.key
    same = sql.SQL("p.{}::text = {}::text").format(
        sql.Identifier(by), sql.Identifier(last, way.column)
    )
    of_kind = [
        sql.SQL(" and p.{} in ({})").format(
            sql.Identifier(column),
            sql.SQL(", ").join(map(sql.Literal, said if isinstance(said, tuple) else (said,))),
        )
        for column, said in subject.where.items()
    ]
    return sql.SQL("{}{}").format(same, sql.SQL("").join(of_kind))


def _count(ask: Ask, query: sql.Composed, values: dict[str, str]) -> int:
    [(count,)] = ask(query, values)
    return int(count)
