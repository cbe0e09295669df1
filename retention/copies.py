"""Where else may stand what a rule ends: the copies that this database makes of it. Named, never reached into.

A copy outlives what made it: an application may write the log itself, a trigger may have been dropped since. So every
audit log and every archive that the policy declares counts, whoever fills it today, unless it can be told that it holds
nothing of the table: an empty archive, a log whose rows all name other tables. Reads only.
"""

from collections.abc import Iterable, Iterator, Mapping

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from audit.section import SECTION as AUDIT
from lifecycle.coverage import Looks, Place, Reason
from lifecycle.policy import triggers, whole
from lifecycle.policy.model import Policy
from lifecycle.postgres import connect, names
from lifecycle.postgres.catalog import Catalog, Table
from retention import forget, places, statements
from retention.count import Counted
from retention.rules import Bound

_COPY = Reason(
    "retention ends the rows and values of the table itself, and does not reach into its copies yet",
    "Refresh the view, or clear the copy by hand; until then the value is still there.",
    "limit",
)

_ANYTHING = Reason(
    "a function of the application's fills it, and may have read what was ended",
    "Refresh the view, if it reads the table; until then the value may still be there.",
    "limit",
)

_EMPTIED = Reason(
    "it holds no rows now, and the planner may keep samples of those that it held",
    "Refresh the view with data and `analyze` it, or drop it.",
    "limit",
)

_SAMPLES = Reason(
    "the planner's samples may have been drawn before it ended, and could not be drawn anew",
    "Each run says `analyze` as the table's owner, unless that is a superuser: give the table another one. ANALYZE "
    "keeps the former samples of a table or leaf without rows, of a column, index or statistics with `set statistics "
    "0`, of a partial index, and of children that were dropped: there a superuser deletes the rows of "
    "pg_catalog.pg_statistic. Samples of a cleared column stay named, for they do not tell how old the rows were.",
    "limit",
)


def find(
    conn: Connection[TupleRow],
    policy: Policy,
    catalog: Catalog,
    counted: Counted,
    drawn: frozenset[str],
    looks: Looks,
) -> Mapping[Place, Reason]:
    """Return the places that may hold what this rule ends, each with the reason why nobody looked into it.

    What could not be searched is such a place, too. `drawn`: of what this run had the planner's samples drawn anew.
    Raise Unreachable when the server goes away.
    """
    bound = counted.bound
    found: dict[Place, Reason] = {}
    try:
        with looks.at(places.copies(bound)), conn.transaction(force_rollback=True):
            found |= _views(conn, catalog, bound)
            found |= _copies(_COPY, _archives(conn, policy, catalog, bound))
            found |= _copies(_COPY, _images(conn, policy, catalog, bound))
            found |= _copies(_SAMPLES, _samples(conn, counted, drawn))
    except psycopg.Error as error:
        said = connect.explain(error)
        if conn.broken:
            raise said from None
        found[places.copies(bound)] = Reason(said.what, said.hint)
    return found


def _copies(reason: Reason, called: Iterable[str]) -> dict[Place, Reason]:
    return {Place("copy", name): reason for name in called}


def _views(conn: Connection[TupleRow], catalog: Catalog, bound: Bound) -> dict[Place, Reason]:
    """Return materialised views, and TimescaleDB's continuous aggregates: what these hold outlives what was ended."""
    name = names.sql_name(bound.table).as_string(conn)
    there = "timescaledb" in catalog.extensions
    row = conn.execute(statements.AGGREGATES).fetchone() if there else None
    made_by, shown_by = row or ([], [])
    asked = {"relation": name, "column": bound.column, "made_by": made_by, "shown_by": shown_by}
    return {
        Place("copy", f"{_VIEW[view]} {names.policy_name(schema, relname)}"): reason
        for schema, relname, certain, populated, view in conn.execute(
            statements.MATERIALISED_FROM, asked
        )
        for reason in [_EMPTIED if not populated else _COPY if certain else _ANYTHING]
    }


_VIEW = {True: "materialised view", False: "continuous aggregate"}


def _archives(
    conn: Connection[TupleRow], policy: Policy, catalog: Catalog, bound: Bound
) -> Iterator[str]:
    """Yield the archives of the policy that hold a row: a trigger may have filled one from this table long ago."""
    declared = {name for table in policy.tables for name in triggers.written_to(policy, table)}
    for name in sorted(declared - whole.logs(policy) - {bound.table}):
        if name in catalog.tables and _any_row(conn, name):
            yield f"archive {name}"


def _images(
    conn: Connection[TupleRow], policy: Policy, catalog: Catalog, bound: Bound
) -> Iterator[str]:
    """Yield the log, unless every row of it that holds values names another table of the database."""
    log = AUDIT.of(policy)
    if log is None or not log.values:
        return
    ours = _spellings(catalog.tables[bound.table])
    others = {name for table in catalog.tables.values() for name in _spellings(table)} - ours
    asked = statements.any_image(log.table, log.named, log.values)
    row = conn.execute(asked, {"others": sorted(others)}).fetchone()
    if row and row[0]:
        yield f"images of {bound.rule.table} in {log.table}"


def _spellings(table: Table) -> set[str]:
    """Return how a log may spell the table and its partitions: a trigger sees the partition's name."""
    parts = [names.sql_parts(name) for name in (table.name, *(p.name for p in table.partitions))]
    return {spelled for part in parts for spelled in (part[1], ".".join(part))}


def _samples(conn: Connection[TupleRow], counted: Counted, drawn: frozenset[str]) -> Iterator[str]:
    leaves = [leaf for leaf in counted.bound.leaves if leaf not in counted.unread]
    if forget.quoting(conn, counted.bound, leaves, drawn):
        yield f"planner's samples of {counted.bound.rule.table}"


def _any_row(conn: Connection[TupleRow], name: str) -> bool:
    row = conn.execute(statements.any_row(name)).fetchone()
    return bool(row and row[0])
