"""Looks at what the catalog does not say: rows in default partitions, and how a partition differs from its parent."""

from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.partitions import statements
from lifecycle.partitions.section import SECTION
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Difference:
    """How a partition differs from its parent: what lets somebody past the parent, and what it lacks."""

    open: tuple[str, ...]
    lacking: tuple[str, ...]


def strays(conn: Connection[TupleRow], policy: Policy, catalog: Catalog) -> frozenset[str]:
    """Return the tables under `partitions:` whose default partition holds a row."""
    return frozenset(
        name
        for name in SECTION.of(policy)
        if name in catalog.tables
        for partition in catalog.tables[name].partitions
        if partition.default and _any_row(conn, partition.name)
    )


def differences(
    conn: Connection[TupleRow], policy: Policy, catalog: Catalog
) -> dict[tuple[str, str], Difference]:
    """Return, by (schema, name), the partitions that are not like their parents."""
    tables = [catalog.tables[name] for name in SECTION.of(policy) if name in catalog.tables]
    values = {
        "schemas": [table.schema for table in tables],
        "tables": [table.relname for table in tables],
    }
    return {
        (schema, name): Difference(tuple(opened), tuple(lacking))
        for schema, name, opened, lacking in conn.execute(statements.COMPARE, values)
    }


def _any_row(conn: Connection[TupleRow], partition: str) -> bool:
    row = conn.execute(statements.any_row(partition)).fetchone()
    return bool(row and row[0])
