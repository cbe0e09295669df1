"""Counts what is overdue by one rule, leaf by leaf, with a digest of the keys. Never changes a row.

Whoever counts says where he looked, in the function that asks the database: the judge has no other knowledge of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import LiteralString

import psycopg
from psycopg import Connection, sql
from psycopg.errors import LockNotAvailable
from psycopg.rows import TupleRow

from lifecycle.coverage import Looks, Reason
from lifecycle.holds.gate import Held
from lifecycle.postgres import connect, shut
from retention import places, statements_of_rows
from retention.parts import Part
from retention.rules import Bound


@dataclass(frozen=True, slots=True)
class Overdue:
    """The overdue rows of one leaf: how many, a digest of their keys, and how many each reference of the rule holds.

    `on_hold` are as many more, which a legal hold keeps.
    """

    leaf: str
    rows: int
    keys: str
    referenced: tuple[int, ...] = ()
    on_hold: int = 0


@dataclass(frozen=True)
class Counted:
    """A rule and what it would end, per leaf that holds any; `dateless`: rows per leaf that no rule can judge.

    `unread` are the leaves that could not be counted, with the reason; `beyond` how many overdue rows a query of the
    table sees that stand in none of the others, or why it could not be asked. `back`: rows per leaf for which, by
    `unless` of the rule, their partition stays whole. What follows of it is worked out once: it is asked for each of
    a table's partitions.
    """

    bound: Bound
    overdue: tuple[Overdue, ...]
    dateless: Mapping[str, int]
    unread: Mapping[str, Reason] = field(default_factory=dict[str, Reason])
    beyond: int | Reason = 0
    back: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def archived(self) -> str | None:
        """Return the table of which its rule makes archives."""
        return self.bound.table if self.bound.rule.archive else None

    @property
    def elsewhere(self) -> Mapping[str, int]:
        """Return the rows whose time is over, by the foreign table in which the rule leaves them."""
        kept = self.bound.kept_elsewhere
        return {leaf.leaf: leaf.rows for leaf in self.overdue if leaf.leaf in kept and leaf.rows}

    @property
    def undated(self) -> int:
        """Return how many rows tell no time."""
        return sum(self.dateless.values())

    @property
    def rows(self) -> int:
        """Return how many rows are overdue."""
        return sum(leaf.rows for leaf in self._due)

    @property
    def ours(self) -> tuple[Overdue, ...]:
        """Return the leaves with overdue rows that lie on this server."""
        return tuple(
            leaf for leaf in self._due if leaf.rows and leaf.leaf not in self.bound.foreign
        )

    @property
    def on_hold(self) -> int:
        """Return how many rows would be overdue and are on legal hold, or in a partition with such a row."""
        with_them = sum(self.in_part(part).rows for part in self.held)
        return sum(leaf.on_hold for leaf in self.overdue) + with_them

    @cached_property
    def held(self) -> tuple[Part, ...]:
        """Return the partitions that would be dropped and have a row on legal hold."""
        return tuple(p for p in self.bound.parts if p.over and self.in_part(p).on_hold)

    @cached_property
    def kept_back(self) -> Mapping[Part, int]:
        """Return the partitions that would be dropped and have rows for which the rule keeps them, with how many."""
        parts = (part for part in self.bound.parts if part.over and part not in self.held)
        found = {part: sum(self.back.get(leaf, 0) for leaf in part.leaves) for part in parts}
        return {part: rows for part, rows in found.items() if rows}

    @cached_property
    def too_many(self) -> tuple[Part, ...]:
        """Return the partitions that are to go, with rows or without."""
        stay = (*self.held, *self.kept_back)
        return tuple(
            p
            for p in self.bound.parts
            if p.over and p not in stay and self.bound.kept_elsewhere.isdisjoint(p.leaves)
        )

    @cached_property
    def waiting(self) -> tuple[Part, ...]:
        """Return the partitions with overdue rows and others: they end when the time of the last one is over."""
        return tuple(p for p in self.bound.parts if not p.over and p.ends and self.in_part(p).rows)

    def in_part(self, part: Part) -> Overdue:
        """Return the overdue rows of a partition."""
        leaves = [self._by_leaf[leaf] for leaf in part.leaves if leaf in self._by_leaf]
        rows, on_hold = sum(leaf.rows for leaf in leaves), sum(leaf.on_hold for leaf in leaves)
        return Overdue(part.name, rows, "", (), on_hold)

    @cached_property
    def _by_leaf(self) -> Mapping[str, Overdue]:
        return {leaf.leaf: leaf for leaf in self.overdue}

    @cached_property
    def _due(self) -> tuple[Overdue, ...]:
        stay = {
            leaf for part in (*self.held, *self.kept_back, *self.waiting) for leaf in part.leaves
        }
        stay |= self.bound.kept_elsewhere
        return tuple(leaf for leaf in self.overdue if leaf.leaf not in stay)

    @property
    def referenced(self) -> Mapping[str, int]:
        """Return how many overdue rows are still referenced, by `table (constraint)`."""
        found = {
            f"{key.table} ({key.name})": sum(leaf.referenced[place] for leaf in self.overdue)
            for place, key in enumerate(self.bound.references)
        }
        return {name: rows for name, rows in found.items() if rows}


_DETACHING = Reason(
    "its detach was begun and not finished: its rows are in the table no more",
    "`lifecycle partitions plan` finishes a detach that was interrupted; then it is a table of its own.",
)


def count(conn: Connection[TupleRow], bound: Bound, held: Held, looks: Looks) -> Counted:
    """Count one rule's rows. A leaf that cannot be read hides no other. Raise Unreachable when the server goes away."""
    overdue: list[Overdue] = []
    unread: dict[str, Reason] = {}
    back: dict[str, int] = {}
    for leaf in bound.leaves:
        if leaf in bound.detaching and not bound.drops:
            looks.not_at(places.leaf(bound, leaf), _DETACHING)
            unread[leaf] = _DETACHING
            continue
        try:
            with looks.at(places.leaf(bound, leaf)), conn.transaction(force_rollback=True):
                values: dict[str, object] = {"before": bound.edge, **held.keys}
                counting = (
                    statements_of_rows.count_whole(leaf, bound, held)
                    if bound.drops
                    else statements_of_rows.count_overdue(leaf, bound, held)
                )
                rows, keys, referenced = row(conn, counting, values)
                if bound.rule.unless:
                    back[leaf] = row(conn, statements_of_rows.count_kept_back(leaf, bound), {})[0]
                on_hold = 0
                if held.rows is not None:
                    counting = statements_of_rows.count_on_hold(leaf, bound, held)
                    on_hold = row(conn, counting, values)[0]
        except psycopg.Error as error:
            unread[leaf] = reason(conn, error)
        else:
            found = Overdue(leaf, rows, keys, tuple(referenced), on_hold)
            overdue += [found] if rows or on_hold else []
    readable = [leaf for leaf in bound.leaves if leaf not in unread]
    dateless = _dateless(conn, bound, readable, looks)
    beyond = _beyond(conn, bound, held, overdue, looks) if bound.parted else 0
    return Counted(bound, tuple(overdue), dateless, unread, beyond, back)


def _beyond(
    conn: Connection[TupleRow],
    bound: Bound,
    held: Held,
    overdue: Iterable[Overdue],
    looks: Looks,
) -> int | Reason:
    try:
        with looks.at(places.through(bound)), conn.transaction(force_rollback=True):
            counting = statements_of_rows.count_through(bound, held)
            rows = row(conn, counting, {"before": bound.edge, **held.keys})[0]
    except psycopg.Error as error:
        return reason(conn, error)
    return max(0, rows - sum(leaf.rows for leaf in overdue))


def _dateless(
    conn: Connection[TupleRow], bound: Bound, leaves: Iterable[str], looks: Looks
) -> Mapping[str, int]:
    with looks.at(places.undated(bound)):
        queries = {leaf: statements_of_rows.count_undated(leaf, bound) for leaf in leaves}
        found = {leaf: row(conn, query, {})[0] for leaf, query in queries.items()}
        return {leaf: rows for leaf, rows in found.items() if rows}


def reason(conn: Connection[TupleRow], error: psycopg.Error) -> Reason:
    """Return the error as a reason, in a transaction that goes on. Raise it when the server has gone away."""
    said = connect.explain(error)
    if conn.broken:
        raise said from None
    if isinstance(error, LockNotAvailable) and (held := sorted(shut.now(conn))):
        return Reason(f"another session has {', '.join(held[:3])} for itself", shut.WHY.hint)
    return Reason(said.what, said.hint)


def row(
    conn: Connection[TupleRow], statement: LiteralString | sql.Composed, values: dict[str, object]
) -> TupleRow:
    """Return the one row that a question has. Raise psycopg.Error as it comes."""
    row = conn.execute(statement, values).fetchone()
    assert row is not None
    return row
