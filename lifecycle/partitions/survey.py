"""Reads what is there: the catalog, rows in default partitions, how a partition differs from its parent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.errors import NotFound
from lifecycle.partitions import statements
from lifecycle.partitions.section import SECTION
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog, connect
from lifecycle.postgres.catalog import Catalog
from lifecycle.system import System


@dataclass(frozen=True, slots=True)
class Difference:
    """How a partition differs from its parent: what lets somebody past the parent, and what it lacks."""

    open: tuple[str, ...]
    lacking: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """The database as it was. `strays` are tables whose default partition holds rows.

    `differences` are the direct children that are not like their parents, by (schema, name). `only`: look at this
    table alone.
    """

    catalog: Catalog
    strays: frozenset[str]
    differences: Mapping[tuple[str, str], Difference]
    only: str | None


def survey(system: System, now: datetime, only: str | None) -> Seen:  # noqa: ARG001 - every survey is asked alike
    """Read it. Raise NotFound when no table of the policy is called `only`, else what `connect.explain` makes of it."""
    if only is not None and only not in SECTION.of(system.policy):
        raise NotFound(
            f"no table under `partitions` is called {only!r}",
            hint=f"Tables there are: {', '.join(SECTION.of(system.policy))}.",
        )
    with system.snapshot("partitions survey") as conn:
        return read(conn, system.policy, only)


def read(conn: Connection[TupleRow], policy: Policy, only: str | None = None) -> Seen:
    """Read it over this connection. Raise what `connect.explain` makes of an error."""
    seen = catalog.read(conn)
    try:
        return Seen(seen, strays(conn, policy, seen), _differences(conn, policy, seen), only)
    except psycopg.Error as error:
        raise connect.explain(error) from None


def strays(conn: Connection[TupleRow], policy: Policy, catalog: Catalog) -> frozenset[str]:
    """Return the tables under `partitions:` whose default partition holds a row. Raise psycopg.Error as it comes."""
    return frozenset(
        name
        for name in SECTION.of(policy)
        if name in catalog.tables
        for partition in catalog.tables[name].partitions
        if partition.default and _any_row(conn, partition.name)
    )


def _differences(
    conn: Connection[TupleRow], policy: Policy, catalog: Catalog
) -> dict[tuple[str, str], Difference]:
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
