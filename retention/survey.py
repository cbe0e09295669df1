"""Counts what is overdue now. Reads counts and nothing else; never changes a row."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.outcome import Failure
from lifecycle.policy import reality
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog, connect
from retention import rules, statements
from retention.rules import Bound


@dataclass(frozen=True, slots=True)
class Counted:
    """A rule and what it would end: overdue rows per leaf, and the rows it cannot judge."""

    bound: Bound
    overdue: tuple[tuple[str, int], ...]
    undated: int

    @property
    def rows(self) -> int:
        """Return how many rows are overdue."""
        return sum(rows for _, rows in self.overdue)


@dataclass(frozen=True, slots=True)
class Survey:
    """Every rule, counted or failed."""

    database: str
    counted: tuple[Counted, ...]
    failures: tuple[Failure, ...]


def survey(conn: Connection[TupleRow], policy: Policy, now: datetime) -> Survey:
    """Bind every rule and count. A rule that cannot be counted is a failure and stops no other.

    Raise Refused when the policy does not account for every table: whoever does not know what a table holds
    does not know what hangs on the rows of another. Raise Unreachable when the server goes away.
    """
    seen = catalog.read(conn)
    reality.must_fit(policy, seen, but_for="retention")  # one bad rule stops no other
    fit, unfit = rules.bind(policy, seen, now)
    counted: list[Counted] = []
    for bound in fit:
        try:
            if _has_children(conn, bound):
                what = "the table has child tables (inheritance, a hypertable) that the rule would not see"
                hint = "Write a rule for each child table; hypertables need their own kind of rule."
                unfit.append(Failure(bound.rule.table, what, hint))
            else:
                counted.append(count(conn, bound))
        except psycopg.Error as error:
            said = connect.explain(error)
            if conn.broken:
                raise said from None
            unfit.append(
                Failure(bound.rule.table, f"its rows cannot be counted: {said.what}", said.hint)
            )
    return Survey(seen.database, tuple(counted), tuple(unfit))


def count(conn: Connection[TupleRow], bound: Bound) -> Counted:
    """Count one rule's rows. Raise psycopg.Error as it comes."""
    overdue: list[tuple[str, int]] = []
    undated = 0
    for leaf in bound.leaves:
        names = (leaf, bound.by, bound.column)
        rows = _number(conn, statements.count_overdue(*names), {"before": bound.before})
        undated += _number(conn, statements.count_undated(*names), {})
        overdue += [(leaf, rows)] if rows else []
    return Counted(bound, tuple(overdue), undated)


def _has_children(conn: Connection[TupleRow], bound: Bound) -> bool:
    name = catalog.sql_name(bound.table).as_string(conn)
    return bool(_number(conn, statements.HAS_CHILDREN, {"relation": name}))


def _number(
    conn: Connection[TupleRow], statement: LiteralString | sql.Composed, values: dict[str, object]
) -> int:
    row = conn.execute(statement, values).fetchone()
    return int(row[0]) if row else 0
