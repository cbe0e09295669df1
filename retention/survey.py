"""Reads all that a run of retention decides by, in one snapshot: overdue rows, partitions, holds. Changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.coverage import Looks
from lifecycle.errors import NotFound
from lifecycle.holds import gate
from lifecycle.holds.hold import Hold
from lifecycle.outcome import Failure
from lifecycle.partitions import ends
from lifecycle.partitions.bounds import moment
from lifecycle.partitions.ends import Ends
from lifecycle.policy import reality
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog, names
from lifecycle.postgres.catalog import Catalog
from lifecycle.system import System
from retention import (
    alone,
    chunks,
    references,
    rules,
    shorter,
    statements,
    statements_of_rows,
    weigh,
)
from retention.alone import Alone
from retention.amount import Weighed
from retention.archive import end
from retention.archive.end import Old
from retention.count import Counted, count, reason, row
from retention.rules import Bound
from retention.section import SECTION
from retention.shorter import Kept


@dataclass(frozen=True, slots=True)
class Seen:
    """Every rule, counted or failed, at one moment. `holds` stood then.

    `ends` has the partitions of rules that drop them, `alone` those that were taken off, `sizes` the bytes of both.
    `remembered` is what each rule said when it was last carried out, `beside` what is wrong whatever the rules find:
    holds of which nobody knows on what, what stands beside chunks. `old` are the archives whose own time is over.
    `committed` is a snapshot, as PostgreSQL spells it, of what had committed before the look: savepoints, too.
    `weighed` are the tables of which a rule keeps so many bytes.
    """

    catalog: Catalog
    counted: tuple[Counted, ...]
    failures: tuple[Failure, ...]
    holds: tuple[Hold, ...] = ()
    ends: Ends = field(default_factory=Ends)
    alone: tuple[Alone, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    remembered: shorter.Remembered = field(default_factory=dict[str, Kept])
    beside: tuple[Failure, ...] = ()
    old: tuple[Old, ...] = ()
    committed: str = ""
    weighed: Mapping[str, tuple[Weighed, ...]] = field(
        default_factory=dict[str, tuple[Weighed, ...]]
    )

    @property
    def changed(self) -> Mapping[str, str]:
        """Return why a person has to see what a rule ends, by the label of each that has changed and ends rows."""
        old = {one.written.description.table for one in self.old}
        alone = {one.record.parent for one in self.alone}
        ending = (
            c.bound
            for c in self.counted
            if c.rows
            or c.waiting
            or c.archived in old
            or (c.bound.drops and c.bound.table in alone)
        )
        return shorter.changed(ending, self.remembered)


def survey(system: System, now: datetime, only: str | None) -> Seen:
    """Bind every rule and count; with `only`, the rules of this table or column alone.

    Raise NotFound when no rule is about `only`, else as `read`.
    """
    named = dict.fromkeys(rule.table for rule in SECTION.of(system.policy))
    if only is not None and only not in named:
        hint = f"Rules are about: {', '.join(named)}."
        raise NotFound(f"no retention rule is about {only!r}", hint=hint)
    with system.snapshot("retention survey") as conn:  # before the look
        committed = row(conn, statements_of_rows.COMMITTED, {})[0]
    with system.snapshot("retention survey") as conn:
        seen = read(conn, system.policy, now, only, Looks())
    old, failures = end.old(system, seen.catalog, SECTION.of(system.policy), now, only)
    return replace(seen, committed=committed, old=old, failures=(*seen.failures, *failures))


def read(
    conn: Connection[TupleRow], policy: Policy, now: datetime, only: str | None, looks: Looks
) -> Seen:
    """Bind every rule and count. A rule that cannot be counted is a failure and stops no other. `looks` takes it down.

    Raise Refused when the policy does not account for every table: whoever does not know what a table holds
    does not know what hangs on the rows of another. Raise Unreachable when the server goes away.
    """
    seen = catalog.read(conn)
    reality.must_fit(policy, seen, but_for="retention")  # one bad rule stops no other
    weighed = weigh.tables(conn, policy, seen, only)
    fit, unfit = rules.bind(policy, seen, now, only, weighed)
    holds = gate.known(conn)
    counted: list[Counted] = []
    failures, beside = [*unfit], [*gate.lost(holds, policy, seen)]
    for bound in fit:
        try:
            with conn.transaction(force_rollback=True):
                beside += chunks.beside(conn, seen.tables[bound.table]) if bound.chunks else ()
                if (wrong := _wrong(conn, bound, now)) is not None:
                    failures.append(wrong)
                else:
                    held = gate.on(holds, policy, seen, bound.table)
                    counted.append(count(conn, bound, held, looks))
        except psycopg.Error as error:
            why = reason(conn, error)
            what = f"its rows cannot be counted: {why.why}"
            failures.append(Failure(bound.rule.label, what, why.hint))
    drops = [bound for bound in fit if bound.drops]
    found = alone.of(ends.read(conn, [bound.table for bound in drops]), only)
    standing = alone.read(conn, policy, seen, drops, found, holds, looks)
    sizes = alone.sizes(conn, [*found.children, *(one.name for one in standing)])
    kept = {rule: Kept(*said) for rule, *said in conn.execute(statements.KEPT)}
    rest = (holds, found, standing, sizes, kept, tuple(beside))
    return Seen(seen, tuple(counted), tuple(failures), *rest, weighed=weighed)


def oldest(system: System, seen: Seen) -> dict[int, date]:
    """Return the day of the oldest overdue row of each rule that has any, by its place in the policy."""
    found: dict[int, date] = {}
    with system.snapshot("retention status") as conn:
        for counted in seen.counted:
            bound = counted.bound
            held = gate.on(seen.holds, system.policy, seen.catalog, bound.table)
            for leaf in counted.ours:
                question = statements_of_rows.oldest(leaf.leaf, bound, held)
                first = conn.execute(question, {"before": bound.edge, **held.keys}).fetchone()
                if first is not None and first[0] is not None:
                    day: date = moment(first[0], bound.holds).date() if bound.holds else first[0]
                    found[bound.place] = min(day, found.get(bound.place, day))
    return found


def _wrong(conn: Connection[TupleRow], bound: Bound, now: datetime) -> Failure | None:
    """Return why a rule that fits the catalog cannot be kept as the database is."""
    name = names.sql_name(bound.table).as_string(conn)
    if not bound.chunks and row(conn, statements.HAS_CHILDREN, {"relation": name})[0]:
        what = "the table has child tables (by INHERITS) that the rule would not see"
        return Failure(bound.rule.label, what, "Write a rule for each child table.")
    if bound.drops:
        return chunks.refreshed(conn, bound, now) if bound.chunks else None
    return references.unindexed(conn, bound)
