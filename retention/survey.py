"""Counts what is overdue now, leaf by leaf, with a digest of the keys. Reads nothing else; never changes a row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import LiteralString

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from audit.section import SECTION as AUDIT
from lifecycle.coverage import Reason
from lifecycle.errors import NotFound
from lifecycle.outcome import Failure
from lifecycle.policy import reality
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog, connect, names
from lifecycle.postgres.catalog import Catalog
from lifecycle.system import System
from retention import rules, statements
from retention.rules import Bound
from retention.section import SECTION


@dataclass(frozen=True, slots=True)
class Overdue:
    """The overdue rows of one leaf: how many, and a digest of their keys."""

    leaf: str
    rows: int
    keys: str


@dataclass(frozen=True, slots=True)
class Counted:
    """A rule and what it would end, per leaf that holds any; `undated` rows no rule can judge.

    `unread` are the leaves that could not be counted, with the reason.
    """

    bound: Bound
    overdue: tuple[Overdue, ...]
    undated: int
    unread: Mapping[str, Reason] = field(default_factory=dict[str, Reason])

    @property
    def rows(self) -> int:
        """Return how many rows are overdue."""
        return sum(leaf.rows for leaf in self.overdue)


@dataclass(frozen=True, slots=True)
class Seen:
    """Every rule, counted or failed; `copies` are places that may hold what a rule ends, by the rule's place."""

    catalog: Catalog
    counted: tuple[Counted, ...]
    failures: tuple[Failure, ...]
    copies: Mapping[int, tuple[str, ...]]


def survey(system: System, now: datetime, only: str | None) -> Seen:
    """Bind every rule and count; with `only`, the rules of this table or column alone.

    Raise NotFound when no rule is about `only`, else as `read`.
    """
    if only is not None and only not in {rule.table for rule in SECTION.of(system.policy)}:
        raise NotFound(
            f"no retention rule is about {only!r}",
            hint=f"Rules are about: {', '.join(dict.fromkeys(r.table for r in SECTION.of(system.policy)))}.",
        )
    with system.snapshot("retention survey") as conn:
        return read(conn, system.policy, now, only)


def read(
    conn: Connection[TupleRow], policy: Policy, now: datetime, only: str | None = None
) -> Seen:
    """Bind every rule and count. A rule that cannot be counted is a failure and stops no other.

    Raise Refused when the policy does not account for every table: whoever does not know what a table holds
    does not know what hangs on the rows of another. Raise Unreachable when the server goes away.
    """
    seen = catalog.read(conn)
    reality.must_fit(policy, seen, but_for="retention")  # one bad rule stops no other
    fit, unfit = rules.bind(policy, seen, now)
    counted: list[Counted] = []
    copies: dict[int, tuple[str, ...]] = {}
    failures = [f for f in unfit if only in (None, f.target)]
    for bound in (b for b in fit if only in (None, b.rule.table)):
        try:
            with conn.transaction():
                if _has_children(conn, bound):
                    what = "the table has child tables (inheritance, a hypertable) that the rule would not see"
                    hint = "Write a rule for each child table; hypertables need their own kind of rule."
                    failures.append(Failure(bound.rule.table, what, hint))
                else:
                    counted.append(count(conn, bound))
                    copies[bound.place] = _copies(conn, policy, seen, bound)
        except psycopg.Error as error:
            said = _said(conn, error)
            failures.append(
                Failure(bound.rule.table, f"its rows cannot be counted: {said.why}", said.hint)
            )
    return Seen(seen, tuple(counted), tuple(failures), copies)


def count(conn: Connection[TupleRow], bound: Bound) -> Counted:
    """Count one rule's rows. A leaf that cannot be read hides no other. Raise Unreachable when the server goes away."""
    overdue: list[Overdue] = []
    unread: dict[str, Reason] = {}
    undated = 0
    for leaf in bound.leaves:
        try:
            with conn.transaction():
                rows, keys = _row(
                    conn,
                    statements.count_overdue(leaf, bound.by, bound.column, bound.key),
                    {"before": bound.before},
                )
                undated += _row(conn, statements.count_undated(leaf, bound.by, bound.column), {})[0]
        except psycopg.Error as error:
            unread[leaf] = _said(conn, error)
        else:
            overdue += [Overdue(leaf, rows, keys)] if rows else []
    return Counted(bound, tuple(overdue), undated, unread)


def _said(conn: Connection[TupleRow], error: psycopg.Error) -> Reason:
    """Return the error as a reason. Raise it when the server has gone away."""
    said = connect.explain(error)
    if conn.broken:
        raise said from None
    return Reason(said.what, said.hint)


def _copies(
    conn: Connection[TupleRow], policy: Policy, seen: Catalog, bound: Bound
) -> tuple[str, ...]:
    """Return where else the values may stand: materialised views of the table, and the audit log's images of it."""
    name = names.sql_name(bound.table).as_string(conn)
    values = {"relation": name, "column": bound.column}
    views = [
        names.policy_name(schema, view)
        for schema, view in conn.execute(statements.MATERIALISED_FROM, values)
    ]
    log = AUDIT.of(policy)
    logged = log is not None and any(
        trigger.enabled in ("O", "A") for trigger in seen.tables[bound.table].triggers
    )
    images = [f"images of {bound.rule.table} in {log.table}"] if log is not None and logged else []
    return (*(f"materialised view {view}" for view in views), *images)


def _has_children(conn: Connection[TupleRow], bound: Bound) -> bool:
    name = names.sql_name(bound.table).as_string(conn)
    return bool(_row(conn, statements.HAS_CHILDREN, {"relation": name})[0])


def _row(
    conn: Connection[TupleRow], statement: LiteralString | sql.Composed, values: dict[str, object]
) -> TupleRow:
    row = conn.execute(statement, values).fetchone()
    assert row is not None
    return row
