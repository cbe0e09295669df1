"""Counts what is overdue now, leaf by leaf, with a digest of the keys. Reads nothing else; never changes a row.

Whoever counts says where he looked, in the function that asks the database: the judge has no other knowledge of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import LiteralString

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.coverage import Looks, Reason
from lifecycle.errors import NotFound
from lifecycle.holds import gate
from lifecycle.holds.gate import Held
from lifecycle.holds.hold import Hold
from lifecycle.outcome import Failure
from lifecycle.partitions import ends
from lifecycle.partitions.ends import Ends
from lifecycle.policy import reality
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog, connect, names
from lifecycle.postgres.catalog import Catalog
from lifecycle.system import System
from retention import alone, places, references, rules, shorter, statements, statements_of_rows
from retention.alone import Alone
from retention.archive import end
from retention.archive.end import Old
from retention.parts import Part
from retention.rules import Bound
from retention.section import SECTION
from retention.shorter import Kept


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


@dataclass(frozen=True, slots=True)
class Counted:
    """A rule and what it would end, per leaf that holds any; `undated` rows no rule can judge.

    `unread` are the leaves that could not be counted, with the reason; `beyond` how many overdue rows a query of the
    table sees that stand in none of the others, or why it could not be asked.
    """

    bound: Bound
    overdue: tuple[Overdue, ...]
    undated: int
    unread: Mapping[str, Reason] = field(default_factory=dict[str, Reason])
    beyond: int | Reason = 0

    @property
    def archived(self) -> str | None:
        """Return the table of which its rule makes archives."""
        return self.bound.table if self.bound.rule.archive else None

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

    @property
    def held(self) -> tuple[Part, ...]:
        """Return the partitions that would be dropped and have a row on legal hold."""
        return tuple(p for p in self.bound.parts if p.over and self.in_part(p).on_hold)

    @property
    def waiting(self) -> tuple[Part, ...]:
        """Return the partitions with overdue rows and others: they end when the time of the last one is over."""
        return tuple(p for p in self.bound.parts if not p.over and p.ends and self.in_part(p).rows)

    def in_part(self, part: Part) -> Overdue:
        """Return the overdue rows of a partition."""
        leaves = [leaf for leaf in self.overdue if leaf.leaf in part.leaves]
        rows, on_hold = sum(leaf.rows for leaf in leaves), sum(leaf.on_hold for leaf in leaves)
        return Overdue(part.name, rows, "", (), on_hold)

    @property
    def _due(self) -> tuple[Overdue, ...]:
        stay = {leaf for part in (*self.held, *self.waiting) for leaf in part.leaves}
        return tuple(leaf for leaf in self.overdue if leaf.leaf not in stay)

    @property
    def referenced(self) -> Mapping[str, int]:
        """Return how many overdue rows are still referenced, by `table (constraint)`."""
        found = {
            f"{key.table} ({key.name})": sum(leaf.referenced[place] for leaf in self.overdue)
            for place, key in enumerate(self.bound.references)
        }
        return {name: rows for name, rows in found.items() if rows}


@dataclass(frozen=True, slots=True)
class Seen:
    """Every rule, counted or failed, at one moment: `snapshot`, as PostgreSQL spells it. `holds` stood then.

    `ends` has the partitions of rules that drop them, `alone` those that were taken off, `sizes` the bytes of both.
    `remembered` is what each rule said when it was last carried out, `lost` the holds of which nobody knows on what,
    `old` the archives whose own time is over.
    """

    snapshot: str
    catalog: Catalog
    counted: tuple[Counted, ...]
    failures: tuple[Failure, ...]
    holds: tuple[Hold, ...] = ()
    ends: Ends = field(default_factory=Ends)
    alone: tuple[Alone, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    remembered: shorter.Remembered = field(default_factory=dict[str, Kept])
    lost: tuple[Failure, ...] = ()
    old: tuple[Old, ...] = ()

    @property
    def changed(self) -> Mapping[str, str]:
        """Return why a person has to see what a rule ends, by the label of each that has changed and ends rows."""
        old = {one.written.description.table for one in self.old}
        ending = (c.bound.rule for c in self.counted if c.rows or c.waiting or c.archived in old)
        return shorter.changed(ending, self.remembered)


def survey(system: System, now: datetime, only: str | None) -> Seen:
    """Bind every rule and count; with `only`, the rules of this table or column alone.

    Raise NotFound when no rule is about `only`, else as `read`.
    """
    named = dict.fromkeys(rule.table for rule in SECTION.of(system.policy))
    if only is not None and only not in named:
        hint = f"Rules are about: {', '.join(named)}."
        raise NotFound(f"no retention rule is about {only!r}", hint=hint)
    with system.snapshot("retention survey") as conn:
        seen = read(conn, system.policy, now, only, Looks())
    old, failures = end.old(system, seen.catalog, SECTION.of(system.policy), now, only)
    return replace(seen, old=old, failures=(*seen.failures, *failures))


def read(
    conn: Connection[TupleRow], policy: Policy, now: datetime, only: str | None, looks: Looks
) -> Seen:
    """Bind every rule and count. A rule that cannot be counted is a failure and stops no other. `looks` takes it down.

    Raise Refused when the policy does not account for every table: whoever does not know what a table holds
    does not know what hangs on the rows of another. Raise Unreachable when the server goes away.
    """
    seen = catalog.read(conn)
    reality.must_fit(policy, seen, but_for="retention")  # one bad rule stops no other
    fit, unfit = rules.bind(policy, seen, now, only)
    holds = gate.known(conn)
    counted: list[Counted] = []
    failures = [*unfit]
    for bound in fit:
        try:
            with conn.transaction():
                if _has_children(conn, bound):
                    what = "the table has child tables (inheritance, a hypertable) that the rule would not see"
                    hint = "Write a rule for each child table; hypertables need their own kind of rule."
                    failures.append(Failure(bound.rule.label, what, hint))
                elif not bound.drops and (slow := references.unindexed(conn, bound)):
                    failures.append(slow)
                else:
                    held = gate.on(holds, policy, seen, bound.table)
                    counted.append(count(conn, bound, held, looks))
        except psycopg.Error as error:
            said = _said(conn, error)
            failures.append(
                Failure(bound.rule.label, f"its rows cannot be counted: {said.why}", said.hint)
            )
    drops = [bound for bound in fit if bound.drops]
    found = alone.of(ends.read(conn, [bound.table for bound in drops]), only)
    standing = alone.read(conn, policy, seen, drops, found, holds, looks)
    sizes = alone.sizes(conn, [*found.children, *(one.name for one in standing)])
    snapshot = _row(conn, statements_of_rows.SNAPSHOT, {})[0]
    kept = {rule: Kept(*said) for rule, *said in conn.execute(statements.KEPT)}
    rest = (holds, found, standing, sizes, kept, gate.lost(holds, policy, seen))
    return Seen(snapshot, seen, tuple(counted), tuple(failures), *rest)


def oldest(system: System, seen: Seen) -> dict[int, date]:
    """Return the day of the oldest overdue row of each rule that has any, by its place in the policy."""
    found: dict[int, date] = {}
    with system.snapshot("retention status") as conn:
        for counted in seen.counted:
            bound = counted.bound
            held = gate.on(seen.holds, system.policy, seen.catalog, bound.table)
            for leaf in counted.ours:
                question = statements_of_rows.oldest(leaf.leaf, bound, held)
                day: date | None = _row(conn, question, {"before": bound.before, **held.keys})[0]
                if day is not None:
                    found[bound.place] = min(day, found.get(bound.place, day))
    return found


_DETACHING = Reason(
    "its detach was begun and not finished: its rows are in the table no more",
    "`lifecycle partitions plan` finishes a detach that was interrupted; then it is a table of its own.",
)


def count(conn: Connection[TupleRow], bound: Bound, held: Held, looks: Looks) -> Counted:
    """Count one rule's rows. A leaf that cannot be read hides no other. Raise Unreachable when the server goes away."""
    overdue: list[Overdue] = []
    unread: dict[str, Reason] = {}
    for leaf in bound.leaves:
        if leaf in bound.detaching and not bound.drops:
            looks.not_at(places.leaf(bound, leaf), _DETACHING)
            unread[leaf] = _DETACHING
            continue
        try:
            with looks.at(places.leaf(bound, leaf)), conn.transaction():
                values: dict[str, object] = {"before": bound.before, **held.keys}
                counting = (
                    statements_of_rows.count_whole(leaf, bound, held)
                    if bound.drops
                    else statements_of_rows.count_overdue(leaf, bound, held)
                )
                rows, keys, referenced = _row(conn, counting, values)
                on_hold = 0
                if held.rows is not None:
                    counting = statements_of_rows.count_on_hold(leaf, bound, held)
                    on_hold = _row(conn, counting, values)[0]
        except psycopg.Error as error:
            unread[leaf] = _said(conn, error)
        else:
            found = Overdue(leaf, rows, keys, tuple(referenced), on_hold)
            overdue += [found] if rows or on_hold else []
    readable = [leaf for leaf in bound.leaves if leaf not in unread]
    undated = _undated(conn, bound, readable, looks)
    beyond = _beyond(conn, bound, held, overdue, looks) if bound.parted else 0
    return Counted(bound, tuple(overdue), undated, unread, beyond)


def _beyond(
    conn: Connection[TupleRow],
    bound: Bound,
    held: Held,
    overdue: Iterable[Overdue],
    looks: Looks,
) -> int | Reason:
    try:
        with looks.at(places.through(bound)), conn.transaction():
            counting = statements_of_rows.count_through(bound, held)
            rows = _row(conn, counting, {"before": bound.before, **held.keys})[0]
    except psycopg.Error as error:
        return _said(conn, error)
    return max(0, rows - sum(leaf.rows for leaf in overdue))


def _undated(conn: Connection[TupleRow], bound: Bound, leaves: Iterable[str], looks: Looks) -> int:
    with looks.at(places.undated(bound)):
        queries = (statements_of_rows.count_undated(leaf, bound) for leaf in leaves)
        return sum(_row(conn, query, {})[0] for query in queries)


def _said(conn: Connection[TupleRow], error: psycopg.Error) -> Reason:
    """Return the error as a reason. Raise it when the server has gone away."""
    said = connect.explain(error)
    if conn.broken:
        raise said from None
    return Reason(said.what, said.hint)


def _has_children(conn: Connection[TupleRow], bound: Bound) -> bool:
    name = names.sql_name(bound.table).as_string(conn)
    return bool(_row(conn, statements.HAS_CHILDREN, {"relation": name})[0])


def _row(
    conn: Connection[TupleRow], statement: LiteralString | sql.Composed, values: dict[str, object]
) -> TupleRow:
    row = conn.execute(statement, values).fetchone()
    assert row is not None
    return row
