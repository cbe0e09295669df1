"""Reads what is there: the catalog, rows in default partitions, how a partition differs from its parent.

Whoever reads says where he looked, in the function that asks the database: the judge has no other knowledge of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.coverage import Looks, Place, Reason
from lifecycle.errors import LifecycleError, NotFound
from lifecycle.partitions import (
    bounds,
    ends,
    partman,
    policies,
    statements,
    statements_of_care,
    statements_of_defaults,
    statements_of_leaves,
)
from lifecycle.partitions.ends import Ends
from lifecycle.partitions.section import SECTION, promised
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog, connect, shut
from lifecycle.postgres.catalog import Catalog, Table
from lifecycle.postgres.names import policy_name, sql_parts
from lifecycle.system import System

MOVED = 5_000
"""So many rows of a default partition are moved at once: some 50 ms, in which nobody writes there."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How a partition differs from its parent: what lets somebody past the parent, what it lacks, what it alone has.

    `own` is only what refuses or loses a row that the parent takes.
    """

    open: tuple[str, ...]
    lacking: tuple[str, ...]
    own: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spared:
    """A default partition with checks of ours on it, which a run that was killed has left behind."""

    default: str
    owner: str
    schema: str
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sampled:
    """When the planner's samples of a partitioned table were drawn, and the newest of its leaves'. None: never."""

    parent: datetime | None
    leaves: datetime | None


@dataclass(frozen=True, slots=True)
class Seen:
    """The database as it was. `strays` are tables whose default partition holds rows, `unread` those whose is unread.

    `differences` are children, at every level, that are not like their parents, by (schema, name). `only`: look at this
    table alone. `shapes` has a digest of all that a partition takes over from its parent, by the parent's name.
    `sizes` are bytes of default partitions, `spared` tables on whose default partition a check of ours was left.
    `managed` are tables whose partitions pg_partman makes, with the table that says so.
    `lying` are the keys of what lies in the default partition of a table, where it is not too much to be moved.
    `ends` is read where a detach is pending, `ended` are the bounds of what was taken off each table. `sampled` says
    when the planner's samples of each parent were drawn, and the newest of its leaves. `looks`: where was looked, which
    a judge goes on with. `shut` are the tables that somebody else had for himself: nothing of them was read.
    """

    catalog: Catalog
    strays: frozenset[str]
    differences: Mapping[tuple[str, str], Difference]
    only: str | None
    shapes: Mapping[str, str]
    unread: Mapping[str, Reason] = field(default_factory=dict[str, Reason])
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    spared: Mapping[str, Spared] = field(default_factory=dict[str, Spared])
    managed: Mapping[str, str] = field(default_factory=dict[str, str])
    ends: Ends = field(default_factory=Ends)
    lying: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    sampled: Mapping[str, Sampled] = field(default_factory=dict[str, Sampled])
    ended: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    looks: Looks = field(default_factory=Looks)
    shut: frozenset[str] = frozenset()


def survey(system: System, now: datetime, only: str | None) -> Seen:  # noqa: ARG001 - every survey is asked alike
    """Read it. Raise NotFound when no table of the policy is called `only`, else what `connect.explain` makes of it."""
    if only is not None and only not in SECTION.of(system.policy):
        raise NotFound(
            f"no table under `partitions` is called {only!r}",
            hint=f"Tables there are: {', '.join(SECTION.of(system.policy))}.",
        )
    with system.snapshot("partitions survey") as conn:
        return read(conn, system.policy, only)


def read(conn: Connection[TupleRow], policy: Policy, only: str | None) -> Seen:
    """Read it over this connection. Raise what `connect.explain` makes of an error."""
    looks = Looks()
    seen = catalog.read(conn, functions=False)
    wanted = [seen.tables[name] for name in promised(policy, only) if name in seen.tables]
    try:
        closed = shut.still(conn, [table.name for table in wanted])
        tables = [table for table in wanted if table.name not in closed]
        found = _differences(conn, tables, looks)
        holding, unread = strays(conn, tables, looks)
        sizes, spared = _defaults(conn, tables)
        managed, unknown = _managed(conn, tables)
        unread = {**unread, **unknown}
        pending = (
            ends.read(conn, [t.name for t in tables if t.detaching])
            if any(t.detaching for t in tables)
            else Ends()
        )
        return Seen(
            seen,
            holding,
            found,
            only,
            _shapes(conn, tables),
            unread,
            sizes,
            spared,
            managed,
            pending,
            _lying(conn, policy, [table for table in tables if table.name in holding]),
            _sampled(conn, tables),
            ends.ended(conn, [table.name for table in tables]),
            looks,
            closed,
        )
    except psycopg.Error as error:
        raise connect.explain(error) from None


def strays(
    conn: Connection[TupleRow], tables: Iterable[Table], looks: Looks
) -> tuple[frozenset[str], dict[str, Reason]]:
    """Return the tables whose default partition holds a row, and those whose cannot be read, with the reason.

    One that cannot be read stops no other. Raise Unreachable when the server goes away.
    """
    holding: set[str] = set()
    unread: dict[str, Reason] = {}
    for table in tables:
        for partition in table.partitions:
            if not partition.default:
                continue
            try:
                with conn.transaction(force_rollback=True):
                    holding |= {table.name} if _any_row(conn, partition.name, looks) else set()
            except psycopg.Error as error:
                said = connect.explain(error)
                if conn.broken:
                    raise said from None
                what = f"its default partition {partition.name} cannot be read: {said.what}"
                unread[table.name] = Reason(what, said.hint)
                looks.not_at(Place("default partition", partition.name), unread[table.name])
    return frozenset(holding), unread


def _differences(
    conn: Connection[TupleRow], tables: Sequence[Table], looks: Looks
) -> dict[tuple[str, str], Difference]:
    """Return the partitions that are not like their parents. All were looked at."""
    found: dict[tuple[str, str], Difference] = {}
    asked = _named([branch.name for table in tables for branch in table.branches])
    unlike = policies.different(conn, asked)
    rows = conn.execute(statements_of_leaves.COMPARE, asked).fetchall()
    with looks.at(*(Place("leaf", policy_name(row[0], row[1])) for row in rows)):
        for schema, name, opened, lacking, has in rows:
            policy = unlike.get((schema, name))
            if policy == "others":
                opened.append("its policies are not its parent's")
            elif policy == "none":  # with row security and no policy it is shut, not open
                lacking.append("it has no policies")
            if opened or lacking or has:
                found[schema, name] = Difference(tuple(opened), tuple(lacking), tuple(has))
    return found


def _shapes(conn: Connection[TupleRow], tables: Sequence[Table]) -> dict[str, str]:
    rows = conn.execute(statements.SHAPES, _named([table.name for table in tables]))
    return {policy_name(schema, name): digest for schema, name, digest in rows}


def _lying(
    conn: Connection[TupleRow], policy: Policy, tables: Sequence[Table]
) -> dict[str, tuple[str, ...]]:
    """Return the keys that lie in default partitions, of a table whose key is PostgreSQL's own date or number.

    A type of the owner's would bring the cast that makes text of it, which is code.
    """
    found: dict[str, tuple[str, ...]] = {}
    for table in tables:
        rule = SECTION.of(policy)[table.name]
        column = table.column(rule.by)
        if not rule.every or column is None or bounds.key_type(column.type, rule.holds) is None:
            continue
        for part in table.partitions:
            if part.default and part.parent == table.name:
                asked = statements_of_defaults.keys_of(part.name, rule.by, MOVED + 1)
                keys = tuple(key for (key,) in conn.execute(asked))
                if len(keys) <= MOVED:
                    found[table.name] = keys
    return found


def _sampled(conn: Connection[TupleRow], tables: Sequence[Table]) -> dict[str, Sampled]:
    rows = conn.execute(statements_of_care.ANALYZED, _named([table.name for table in tables]))
    return {
        policy_name(schema, name): Sampled(parent, leaves) for schema, name, parent, leaves in rows
    }


def _defaults(
    conn: Connection[TupleRow], tables: Sequence[Table]
) -> tuple[dict[str, int], dict[str, Spared]]:
    """Return the size of each default partition, and what was left on some, by the table's name."""
    of = {part.name: table for table in tables for part in table.partitions if part.default}
    sizes: dict[str, int] = {}
    spared: dict[str, Spared] = {}
    if not of:
        return sizes, spared
    asked: dict[str, object] = {**_named(list(of)), "spare": statements_of_defaults.SPARE}
    for schema, relname, size, checks in conn.execute(statements_of_defaults.DEFAULTS, asked):
        name = policy_name(schema, relname)
        table = of[name]
        sizes[name] = size
        if checks:
            spared[table.name] = Spared(name, table.owner, table.schema, tuple(checks))
    return sizes, spared


def _managed(
    conn: Connection[TupleRow], tables: Sequence[Table]
) -> tuple[dict[str, str], dict[str, Reason]]:
    """Return the tables that pg_partman looks after; where its table cannot be read, all of them and why."""
    names = {table.name for table in tables}
    try:
        managed = partman.maintained(conn)
    except LifecycleError as error:
        if conn.broken:
            raise
        what = f"whether pg_partman makes its partitions cannot be told: {error.what}"
        return {}, dict.fromkeys(names, Reason(what, error.hint))
    return {table: config for table, config in managed.items() if table in names}, {}


def _named(names: Sequence[str]) -> dict[str, list[str]]:
    """Return the parameters that name these tables in a statement."""
    parts = [sql_parts(name) for name in names]
    return {"schemas": [schema for schema, _ in parts], "tables": [name for _, name in parts]}


def _any_row(conn: Connection[TupleRow], partition: str, looks: Looks) -> bool:
    with looks.at(Place("default partition", partition)):
        row = conn.execute(statements.any_row(partition)).fetchone()
    return bool(row and row[0])
