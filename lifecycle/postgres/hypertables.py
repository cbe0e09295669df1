"""Hypertables of TimescaleDB's, as tables partitioned by a range of their first dimension, chunk by chunk. Reads only.

A chunk is what inherits from a hypertable, in whichever schema and by whichever name; TimescaleDB makes it when the
first row comes. What belongs to no hypertable any more, a chunk that was detached among it, is a table like any other.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import LiteralString, NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.outcome import Failure
from lifecycle.postgres import statements
from lifecycle.postgres.names import sql_name
from lifecycle.postgres.shape import Branch, Partition, Relation, Table


class Chunk(NamedTuple):
    """A chunk, and how many rows are estimated in it."""

    part: Partition
    rows: int


@dataclass(frozen=True, slots=True)
class Hypertables:
    """What TimescaleDB knows of relations, by oid.

    `of` are hypertables: first dimension, and whether it compresses them. `bounds` are those of chunks, in their order;
    what was moved to another store has none. `parts` are chunks and what they were compressed into, with the hypertable
    that they are read with; `inside` of these what is no chunk. `hidden` is what continuous aggregates show: a copy,
    that is looked for by the name of its view.
    """

    of: Mapping[int, tuple[str, bool]]
    bounds: Mapping[int, tuple[str | None, str | None]]
    parts: Mapping[int, int]
    inside: frozenset[int]
    hidden: frozenset[int]

    def ordered(self, chunks: Iterable[int]) -> tuple[int, ...]:
        """Return the chunks among these parts by their bounds; those without come last."""
        there = set(chunks) - self.inside
        return (*(oid for oid in self.bounds if oid in there), *sorted(there - self.bounds.keys()))

    def chunk(self, row: TupleRow, names: Mapping[int, str], policies: int) -> Chunk:
        """Return a chunk by its row of the catalog, with how many policies it has."""
        lower, upper = self.bounds.get(row[0], (None, None))
        relation, bound = Relation(row[5], row[6], policies), clause(lower, upper)
        name, table = names[row[0]], names[self.parts[row[0]]]
        part = Partition(name, lower, upper, False, "", relation, bound, row[3], table)
        return Chunk(part, row[8])

    def pictured(
        self, table: Table, oid: int, chunks: Sequence[Chunk], names: Mapping[int, str]
    ) -> Table:
        """Return a hypertable with its chunks, by its oid."""
        column, compressed = self.of[oid]
        children = tuple((chunk.part.name, chunk.part.bound) for chunk in chunks)
        return replace(
            table,
            kind="h",
            partition_key=column,
            strategy="range",
            partitions=tuple(chunk.part for chunk in chunks),
            compressed=compressed,
            batches=tuple(names[one] for one in sorted(self.inside) if self.parts.get(one) == oid),
            estimated_rows=sum(chunk.rows for chunk in chunks),
            branches=(Branch(table.name, "range", column, "", children, table.owner),),
        )


NONE = Hypertables({}, {}, {}, frozenset(), frozenset())


def there(conn: Connection[TupleRow]) -> bool:
    """Say whether this database has TimescaleDB. Raise psycopg.Error as it comes."""
    return conn.execute(statements.TIMESCALEDB, prepare=True).fetchone() == (True,)


def read(
    relations: Mapping[int, TupleRow], ask: Callable[[LiteralString], list[TupleRow]]
) -> Hypertables:
    """Return which of these relations are hypertables or parts of one. Asked only where the extension is."""
    of = {
        oid: (key, packed) for oid, key, packed in ask(statements.HYPERTABLES) if oid in relations
    }
    bounds = {oid: (lower, upper) for oid, lower, upper in ask(statements.CHUNKS)}
    shown = {oid for (oid,) in ask(statements.MATERIALIZED)}
    wholes = of.keys() | shown
    chunks = {oid: row[9] for oid, row in relations.items() if row[9] in wholes}
    of_each = {oid: chunks.get(whole, whole) for oid, whole in ask(statements.COMPRESSED)}
    inside = {oid: whole for oid, whole in of_each.items() if whole in wholes and oid in relations}
    copied = {oid for oid, whole in (chunks | inside).items() if whole in shown}
    parts = {oid: whole for oid, whole in (chunks | inside).items() if whole in of}
    return Hypertables(of, bounds, parts, frozenset(inside), frozenset(shown | copied))


def clause(lower: str | None, upper: str | None) -> str:
    """Return the bounds of a chunk as PostgreSQL prints those of a partition; none where they are no moments."""
    return f"FOR VALUES FROM ('{lower}') TO ('{upper}')" if lower and upper else ""


def astray(conn: Connection[TupleRow], tables: Iterable[Table]) -> Iterator[Failure]:
    """Yield the hypertables among these in which rows may stand beside all chunks. Raise psycopg.Error as it comes."""
    for table in tables:
        asked = {"relation": sql_name(table.name).as_string(conn)}
        if table.kind == "h" and conn.execute(statements.ASTRAY, asked).fetchone() != (False,):
            yield Failure(
                table.name,
                "rows may stand in the hypertable itself, beside its chunks, where no query of it finds them",
                "A restore leaves them. A superuser sees them after `set timescaledb.restoring = on`: take them out "
                f"there, put them in again with it off, then `vacuum {table.name};`.",
            )
