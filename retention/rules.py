"""Binds a policy's rules to the tables they speak of. Pure: what cannot be carried out is said, not attempted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from audit.section import SECTION as AUDIT
from lifecycle.outcome import Failure
from lifecycle.partitions import bounds
from lifecycle.partitions.bounds import Holds, KeyType
from lifecycle.partitions.section import SECTION as PARTITIONS
from lifecycle.policy import tombstone, triggers
from lifecycle.policy.model import Policy
from lifecycle.policy.people import Value
from lifecycle.postgres.catalog import Catalog, Table
from lifecycle.postgres.shape import ForeignKey
from retention import floor, parts
from retention.amount import Weighed
from retention.clocks import Clock
from retention.columns import other
from retention.parts import Part
from retention.rule import RetentionRule, target
from retention.section import MANY_KEYS, OF_EACH_VALUE, SECTION

CHANGES_OTHERS = {"c": "delete", "n": "clear", "d": "reset"}
"""What a foreign key does to the rows that point to a deleted one, by pg_constraint.confdeltype."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A rule with what carrying it out needs. `leaves` are the relations that can hold overdue rows.

    `place` is the rule's place in the policy, from 0. `before` is the cutoff as the column `by` compares with it;
    `column` is None where whole rows go. `key` are the columns that tell one row from another, none where the table
    has no primary key: then its whole text does. `foreign` are the leaves that lie on another server. `references` are
    the foreign keys that refuse a delete of what they point to. `parts` are the partitions of a rule that drops them,
    `columns` those that one moves, or that stay as they are beside one that is cleared. `detaching` are the leaves that
    are neither in the table nor alone. `chunks`: its leaves are chunks of a hypertable. `holds`: what the key `by` of
    its partitions holds that is no moment. `zone` is the one whose midnights count. Of a rule that keeps so many
    partitions, `every` is how long the policy makes one; of one that keeps so many bytes, the table `weighs` as many.
    `packed`: TimescaleDB compresses some of its leaves. `spared`: column and value of rows that no rule ends, as they
    stand for people who are gone. `nth`: which column of the key of its partitions is their time, from 0.
    """

    place: int
    rule: RetentionRule
    table: str
    column: str | None
    by: str
    before: datetime | date
    leaves: tuple[str, ...]
    key: tuple[str, ...]
    foreign: frozenset[str] = frozenset()
    references: tuple[ForeignKey, ...] = ()
    parts: tuple[Part, ...] = ()
    columns: tuple[str, ...] = ()
    detaching: frozenset[str] = frozenset()
    chunks: bool = False
    holds: Holds | None = None
    zone: str = "UTC"
    every: str | None = None
    weighs: int = 0
    packed: bool = False
    spared: tuple[tuple[str, Value], ...] = ()
    nth: int = 0

    @property
    def drops(self) -> bool:
        """Say whether whole partitions end."""
        return self.rule.do == "drop"

    @property
    def kept_elsewhere(self) -> frozenset[str]:
        """Return the foreign tables among its leaves whose rows stay, as the rule says."""
        return self.foreign if self.rule.elsewhere == "keep" else frozenset()

    @property
    def nothing(self) -> bool:
        """Say whether nothing at all is over."""
        return parts.edge(self.before) == bounds.LOWEST

    @property
    def edge(self) -> datetime | date | int | UUID:
        """Return the cutoff as the database compares the column `by` with it."""
        return bounds.value(parts.edge(self.before), self.holds) if self.holds else self.before

    @property
    def since(self) -> datetime:
        """Return the beginning of the oldest partition of a rule that drops them, on the key's clock."""
        return min((part.since for part in self.parts), default=bounds.LOWEST)

    @property
    def parted(self) -> bool:
        """Say whether the rows stand in partitions."""
        return self.leaves != (self.table,)


class _Unfit(Exception):
    """Why a rule cannot be bound."""


def bind(
    policy: Policy,
    catalog: Catalog,
    now: datetime,
    only: str | None,
    weighed: Mapping[str, tuple[Weighed, ...]] | None = None,
) -> tuple[list[Bound], list[Failure]]:
    """Return the rules that can be carried out, in the policy's order, and why the others cannot.

    With `only`, the rules of this table or column alone. `weighed` are the tables of which a rule keeps so many bytes.
    """
    fit: list[Bound] = []
    unfit: list[Failure] = []
    for place, rule in enumerate(SECTION.of(policy)):
        if only not in (None, rule.table):
            continue
        try:
            fit.append(_bind(policy, catalog, place, now, weighed or {}))
        except _Unfit as reason:
            hint = "Correct the rule in the policy; `lifecycle policy check` shows it in the file."
            unfit.append(Failure(rule.label, str(reason), hint))
    return fit, unfit


def _bind(
    policy: Policy,
    catalog: Catalog,
    place: int,
    now: datetime,
    weighed: Mapping[str, tuple[Weighed, ...]],
) -> Bound:
    rule = SECTION.of(policy)[place]
    table, column = _target(catalog, rule)
    _allow(policy, catalog, rule, table)
    _must_fit(rule, table)
    by = rule.clock or table.partition_key
    found = table.column(by) if by else None
    holds = _holds(policy, rule)
    key = bounds.key_type(found.type, holds) if found else None
    if by is None or key is None:
        raise _Unfit(
            f"the rule counts from {by or 'no column'}, which is no date or timestamp of it"
        )
    zone = rule.zone or policy.timezone
    of = Clock(policy, rule, table, key, ZoneInfo(zone), weighed.get(table.name, ()))
    before, leaves, ended = _reach(of, by, now)
    return Bound(
        place,
        rule,
        table.name,
        column,
        by,
        before,
        leaves,
        table.primary_key,
        frozenset(part.name for part in table.partitions if part.kind == "f"),
        _references(catalog, table) if rule.do in ("delete", "move") else (),
        ended,
        _columns(policy, catalog, rule, table, column),
        frozenset(part.name for part in table.partitions if part.detaching),
        table.kind == "h",
        holds,
        zone,
        of.every if rule.newest else None,
        of.weighs,
        table.compressed,
        tombstone.of(policy, table.name),
        table.nth,
    )


def _reach(
    of: Clock, by: str, now: datetime
) -> tuple[datetime | date, tuple[str, ...], tuple[Part, ...]]:
    """Return the cutoff, the relations that can hold overdue rows, and the partitions of a rule that drops them."""
    rule, holds = of.rule, _holds(of.policy, of.rule)
    try:
        before = of.before(now)
        leaves = _leaves(of.table, by, before, holds or "timestamptz")
        ended = parts.parts(of.table, of.ends, before, holds) if rule.do == "drop" else ()
        past = rule.told_by in ("newest", "size") and holds and of.past(now)
    except ValueError as bound:
        raise _Unfit(f"a partition of it has a bound that is no moment: {bound}") from None
    if past:
        raise _Unfit(f"all its partitions would lie in the past: does its key hold {holds}?")
    if rule.after and holds and ended and all(part.over for part in ended if part.ends):
        newest = max(part.ends for part in ended if part.ends)
        raise _Unfit(
            f"the time of all its partitions would be over, of the newest on {newest}: does its key hold {holds}?"
        )
    return before, leaves, ended


def _must_fit(rule: RetentionRule, table: Table) -> None:
    """Raise _Unfit when the table is not of a kind of which partitions, or rows, end so."""
    if rule.do == "drop" and table.partition_key is None and table.kind == "p":
        raise _Unfit(f"it {MANY_KEYS}")
    if rule.newest and table.before_key:
        raise _Unfit(f"it {OF_EACH_VALUE}")
    if rule.do == "drop" and table.kind == "h" and (rule.archive or rule.grace):
        raise _Unfit(
            "a chunk of a hypertable cannot stand alone: neither `archive` nor `grace` is kept for one"
        )
    if table.kind == "h" and (rule.size or rule.unless):
        raise _Unfit(
            "it is a hypertable: how large a chunk is only TimescaleDB can say, and one is dropped at once, so "
            "neither `size` nor `unless` is kept"
        )
    if rule.do == "drop" and table.strategy != "range":
        raise _Unfit("the table is not partitioned by a range of time, so no partition of it ends")


def _holds(policy: Policy, rule: RetentionRule) -> Holds | None:
    """Return what the key of partitions that a rule drops holds instead of a moment."""
    partitioned = PARTITIONS.of(policy).get(rule.table) if rule.do == "drop" else None
    return partitioned.holds if partitioned else None


def _columns(
    policy: Policy, catalog: Catalog, rule: RetentionRule, table: Table, cleared: str | None
) -> tuple[str, ...]:
    """Return the columns that move, or stay beside one that is cleared; those that are computed are none of them."""
    stored = tuple(column.name for column in table.columns if not column.generated)
    if cleared is not None:
        sets = triggers.set_by(policy, table.name)
        return () if sets is None else tuple(c for c in stored if c not in (cleared, *sets))
    if rule.do != "move":
        return ()
    archive = catalog.tables.get(rule.to or "")
    if archive is None:
        raise _Unfit(f"the table {rule.to} that takes its rows does not exist")
    if bad := other(table, archive):
        raise _Unfit(f"{rule.to} does not take its rows as they are: it has no {', '.join(bad)}")
    return stored


def _references(catalog: Catalog, table: Table) -> tuple[ForeignKey, ...]:
    return tuple(key for key in catalog.foreign_keys if key.referenced == table.name)


def _target(catalog: Catalog, rule: RetentionRule) -> tuple[Table, str | None]:
    """Return the table, and the column to clear."""
    name, column = target(rule)
    table = catalog.tables.get(name)
    if table is None:
        raise _Unfit("the table does not exist")
    if column is not None:
        found = table.column(column)
        if found is None:
            raise _Unfit("the column does not exist")
        if found.not_null or found.generated or found.identity:
            raise _Unfit("the column cannot be set to NULL")
    return table, column


def _allow(policy: Policy, catalog: Catalog, rule: RetentionRule, table: Table) -> None:
    """Raise _Unfit when the rule would destroy what no rule may."""
    for what, _ in floor.too_soon(rule, policy):
        raise _Unfit(what)
    log = AUDIT.of(policy)
    if log is not None and log.table == table.name:
        raise _Unfit("rows of the audit log never end")
    if rule.do == "drop" and tombstone.of(policy, table.name):
        raise _Unfit("the tombstone stands in a partition of it, and may not go with it")
    if rule.do not in ("delete", "move"):
        return  # a partition whose rows are referenced is not taken off: PostgreSQL refuses
    for key in catalog.foreign_keys:
        if key.referenced == table.name and key.on_delete in CHANGES_OTHERS:
            verb = CHANGES_OTHERS[key.on_delete]
            raise _Unfit(f"a delete would {verb} rows of {key.table} too, by {key.name}")


def _leaves(table: Table, by: str, before: datetime | date, key: KeyType) -> tuple[str, ...]:
    """Return the relations that can hold rows older than `before`: judged by bounds where the key is `by`."""
    if table.kind not in "ph":
        return (table.name,)
    if table.strategy != "range" or table.partition_key != by:
        return tuple(partition.name for partition in table.partitions)
    edge = parts.edge(before)
    return tuple(
        partition.name
        for partition in table.partitions
        if _may_be_before(partition.lower, edge, key)
    )


def _may_be_before(lower: str | None, edge: datetime, key: KeyType) -> bool:
    """Say whether a partition with this lower bound may hold a row from before `edge`: also where it is no moment."""
    try:
        return lower is None or bounds.parse(lower, key) < edge
    except ValueError:
        return True
