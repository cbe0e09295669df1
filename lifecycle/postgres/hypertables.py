"""Hypertables of TimescaleDB's, as tables partitioned by a range of their first dimension, chunk by chunk. Reads only.

A chunk stands in a schema of TimescaleDB's, has its table's owner, and inherits from it; TimescaleDB makes it when the
first row comes.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import LiteralString

from psycopg.rows import TupleRow

from lifecycle.postgres import statements
from lifecycle.postgres.names import policy_name
from lifecycle.postgres.shape import Branch, Partition, Relation, Table


def pictured(
    tables: Mapping[str, Table], ask: Callable[[LiteralString], list[TupleRow]]
) -> dict[str, Table]:
    """Return the hypertables among these tables, with their chunks."""
    parts: dict[str, list[Partition]] = defaultdict(list)
    estimated: dict[str, int] = defaultdict(int)
    for schema, relname, of, chunk, owner, rls, rows, lower, upper in ask(statements.CHUNKS):
        name, table = policy_name(of, chunk), policy_name(schema, relname)
        bound = clause(lower, upper)
        relation = Relation(owner, rls, 0)
        part = Partition(name, lower, upper, False, "", relation, bound, "r", table)
        parts[table].append(part)
        estimated[table] += rows
    found: dict[str, Table] = {}
    for schema, relname, column, compressed in ask(statements.HYPERTABLES):
        name = policy_name(schema, relname)
        if name in tables:
            children = tuple((part.name, part.bound) for part in parts[name])
            found[name] = replace(
                tables[name],
                kind="h",
                partition_key=column,
                strategy="range",
                partitions=tuple(parts[name]),
                compressed=compressed,
                estimated_rows=estimated[name],
                branches=(Branch(name, "range", column, "", children),),
            )
    return found


def clause(lower: str | None, upper: str | None) -> str:
    """Return the bounds of a chunk as PostgreSQL prints those of a partition; none where they are no moments."""
    return f"FOR VALUES FROM ('{lower}') TO ('{upper}')" if lower and upper else ""
