"""Makes the planner forget what it sampled of rows that rules delete: ANALYZE, as the table's owner, in every run.

It does what it can and says which it drew anew; what the planner may still remember, `copies.py` finds and names. No
sample tells when it was drawn, and those of one table need not be of one time: only what this run drew is known.
"""

from collections.abc import Iterable, Mapping
from contextlib import closing, suppress

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.errors import LifecycleError
from lifecycle.partitions import bounds
from lifecycle.postgres import names
from lifecycle.postgres.catalog import Catalog, Table
from lifecycle.postgres.owners import analyze, step_into
from lifecycle.system import System
from retention import statements
from retention.rules import Bound


def quoting(
    conn: Connection[TupleRow], bound: Bound, leaves: Iterable[str], drawn: frozenset[str]
) -> tuple[str, ...]:
    """Return which of these leaves, and of the tables above them, have samples that may quote what the rule ends.

    A column's samples may always: they do not tell how old the rows were. A row's may not where this run drew all of
    them, with dates that are not overdue. Raise psycopg.Error as it comes.
    """
    return tuple(
        name
        for name, young, kept in _sampled(conn, bound, leaves)
        if bound.column is not None or name not in drawn or not young or kept
    )


def forget(
    system: System, conn: Connection[TupleRow], catalog: Catalog, rules: Iterable[Bound]
) -> frozenset[str]:
    """Have samples drawn anew that may quote rows which these rules delete, and return of which tables and leaves.

    `conn` looks; the DDL login analyses. Raise nothing: the rows are gone whatever becomes of this.
    """
    with suppress(psycopg.Error, LifecycleError):
        owners = {
            name: owners[name]
            for bound in rules
            if bound.column is None
            for owners in [_owners(catalog.tables[bound.table])]
            for name, _, _ in _sampled(conn, bound, bound.leaves)
        }
        return _analyse(system, owners) if owners else frozenset()
    return frozenset()


def _sampled(
    conn: Connection[TupleRow], bound: Bound, leaves: Iterable[str]
) -> list[tuple[str, bool, bool]]:
    """Return what the planner keeps samples of: name, whether the dates are young, whether ANALYZE keeps some."""
    # Samples of a partition go with it: of a rule that drops them, those of the table count that are older than all.
    edge = bounds.value(bound.since, bound.holds) if bound.holds else bound.since
    values = {
        "relation": names.sql_name(bound.table).as_string(conn),
        "leaves": [] if bound.drops else [names.sql_name(leaf).as_string(conn) for leaf in leaves],
        "column": bound.column,
        "by": bound.by,
        "before": edge if bound.drops else bound.before,
    }
    rows = conn.execute(statements.sampled(bound.holds), values).fetchall()
    return [(names.policy_name(schema, name), young, kept) for schema, name, young, kept in rows]


def _owners(table: Table) -> dict[str, str]:
    """Return who owns the table and each relation below it, those included that are partitioned again."""
    branches = {branch.name: branch.owner for branch in table.branches}
    leaves = {part.name: part.relation.owner for part in table.partitions}
    return {table.name: table.owner} | branches | leaves


def _analyse(system: System, owners: Mapping[str, str]) -> frozenset[str]:
    drawn: set[str] = set()
    with closing(system.connect_ddl("retention.analyze")) as conn:
        for relation, owner in owners.items():
            with suppress(psycopg.Error), conn.transaction():
                conn.execute(step_into(owner))
                conn.execute(analyze(relation))
                drawn.add(relation)
    return frozenset(drawn)
