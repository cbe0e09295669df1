"""Decides which partitions are missing. Pure: the policy, the catalog and the moment in, a frozen plan out.

What exists is what PostgreSQL routes rows to: the bounds of attached partitions, never their names. A period
that a partition covers in part cannot be made as the grid wants it; that table is blocked and the others go on.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from lifecycle.outcome import Failure
from lifecycle.partitions import bounds, grid
from lifecycle.partitions.bounds import KeyType
from lifecycle.partitions.grid import Slot
from lifecycle.partitions.section import SECTION, Partitioning, promised
from lifecycle.partitions.survey import Seen
from lifecycle.plan import Decision, Step
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Catalog, Table
from lifecycle.postgres.names import policy_name
from lifecycle.postgres.waits import WAIT, Need

SCANNED = 16 * 2**20
"""Bytes of a default partition that ATTACH may look through while nobody else can read it: some 20 ms."""

NAME_BYTES = 63
"""PostgreSQL cuts longer names off without a word."""


@dataclass(frozen=True, slots=True)
class CreatePartition(Step):
    """Make one partition of `parent`. `lower` and `upper` are literals that mean the same in every session.

    It binds the shape of the parent: what would be granted, checked, indexed and fired on it is what was shown.
    `needs` are the locks of others' that it takes, `spares` the default partition that is too large to be looked
    through under a lock.
    """

    parent: str
    schema: str
    parent_relname: str
    relname: str
    owner: str
    by: str
    lower: str
    upper: str
    needs: tuple[Need, ...] = ()
    spares: str | None = None


@dataclass(frozen=True, slots=True)
class _Attached:
    name: str
    lower: datetime
    upper: datetime
    detaching: str


def periods(policy: Policy, table: Table | None, now: datetime, name: str) -> tuple[Slot, ...]:
    """Return the periods of a table that must have a partition now; none where the table is not as the policy says."""
    partitioning = SECTION.of(policy)[name]
    key = _key(table, partitioning)
    if key is None:
        return ()
    zone = ZoneInfo(policy.timezone)
    return grid.slots(partitioning.every, key, zone, now, partitioning.ahead)


def decide(policy: Policy, seen: Seen, now: datetime) -> Decision[CreatePartition]:
    """Return the partitions to make so that the current period and `ahead` more exist for every table."""
    catalog = seen.catalog
    steps: list[CreatePartition] = []
    blocked: list[Failure] = []
    notes: list[str] = []
    taken = _names(catalog)
    for name, partitioning in promised(policy, seen.only).items():
        table = catalog.tables.get(name)
        key = _key(table, partitioning)
        if table is None or key is None:
            blocked.append(_unfit(name, table, partitioning))
            continue
        slots = periods(policy, table, now, name)
        attached, unread = _attached(table)
        blocked += unread
        if name in seen.unread and uncovered(table, slots):
            reason = seen.unread[name]
            blocked.append(Failure(name, f"nothing is made for it: {reason.why}", reason.hint))
        elif not unread:
            for slot in slots:
                found = _decide_slot(name, table, key, partitioning, slot, attached, taken)
                if isinstance(found, CreatePartition):
                    steps.append(_beside(found, seen, table))
                elif found is not None:
                    blocked.append(found)
        notes += _notes(name, table, slots, attached, name in seen.strays)
    return Decision(tuple(steps), tuple(blocked), tuple(notes))


def _decide_slot(
    name: str,
    table: Table,
    key: KeyType,
    partitioning: Partitioning,
    slot: Slot,
    attached: tuple[_Attached, ...],
    taken: set[str],
) -> CreatePartition | Failure | None:
    """Return the step that makes this period, None when it is covered, or why neither is so."""
    if _covered(slot, attached):
        return None
    inside = _inside(slot, attached)
    lower, upper = bounds.literal(slot.lower, key), bounds.literal(slot.upper, key)
    if inside:
        return _in_the_way(name, f"{lower} to {upper}", partitioning.every, inside)
    child = child_name(table.relname, slot.label)
    if policy_name(table.schema, child) in taken:
        return Failure(
            name,
            f"{policy_name(table.schema, child)} exists and is no partition for {lower} to {upper}",
            "Lifecycle adopts and drops nothing it did not make: attach it, rename it or drop it by hand.",
        )
    taken.add(policy_name(table.schema, child))
    return CreatePartition(
        verb="create partition",
        target=policy_name(table.schema, child),
        reason=f"a partition for every {partitioning.every}, {partitioning.ahead} ahead",
        cost="",
        parent=name,
        schema=table.schema,
        parent_relname=table.relname,
        relname=child,
        owner=table.owner,
        by=partitioning.by,
        lower=lower,
        upper=upper,
    )


def _beside(step: CreatePartition, seen: Seen, table: Table) -> CreatePartition:
    """Return the step with what it does to others: the locks it takes, for how long, and how it is kept short."""
    keys = seen.catalog.foreign_keys
    tied = {key.referenced for key in keys if key.table == table.name}
    tied |= {key.table for key in keys if key.referenced == table.name}
    tied = sorted(tied - {table.name})
    defaults = [part for part in table.partitions if part.default]
    large = [
        p.name for p in defaults if p.parent == table.name and seen.sizes.get(p.name, 0) > SCANNED
    ]
    needs = (
        Need(table.name, "ShareUpdateExclusiveLock"),
        *(Need(name, "ShareRowExclusiveLock") for name in tied),
        *(Need(part.name, "AccessExclusiveLock") for part in defaults),
    )
    costs = [f"{table.name} is shared with readers and writers"]
    if tied:
        costs.append(f"{', '.join(tied)} with readers, for an instant")
    if large:
        costs.append(
            f"{large[0]} with nobody, for an instant: it is large, so it is looked through beside everybody first, "
            "and until then a row of these periods is refused"
        )
    elif defaults:
        costs.append(
            f"{', '.join(p.name for p in defaults)} with nobody, while it is looked through"
        )
    costs.append(f"no lock is waited for longer than {WAIT // timedelta(milliseconds=1)} ms")
    return replace(
        step,
        cost="; ".join(costs),
        binds=seen.shapes[table.name],
        needs=needs,
        spares=large[0] if large else None,
    )


def _in_the_way(name: str, period: str, every: str, inside: list[_Attached]) -> Failure:
    """Say why a period that these partitions cover in part cannot be made."""
    for part in inside:
        if part.detaching:
            return Failure(
                name,
                f"{period} is still held by {part.detaching}, whose detach was interrupted",
                "Finish it: `alter table ... detach partition ... finalize`, then run again.",
            )
    others = ", ".join(part.name for part in inside)
    return Failure(
        name,
        f"{period} is covered only in part, by {others}",
        f"Make a partition for the rest by hand, or give {others} bounds on the {every} grid.",
    )


def child_name(parent: str, label: str) -> str:
    """Return `<parent>_<label>`; where that is longer than 63 bytes, cut and made unique by a digest."""
    whole = f"{parent}_{label}"
    if len(whole.encode()) <= NAME_BYTES:
        return whole
    end = f"_{hashlib.sha256(parent.encode()).hexdigest()[:8]}_{label}"
    room = NAME_BYTES - len(end)
    return parent.encode()[:room].decode(errors="ignore") + end


def _key(table: Table | None, partitioning: Partitioning) -> KeyType | None:
    """Return the kind of the partition key, or None when the table is not what the policy says."""
    if table is None or table.strategy != "range":
        return None
    column = table.column(partitioning.by) if table.partition_key == partitioning.by else None
    key = bounds.key_type(column.type) if column else None
    return None if key == "date" and partitioning.every == "hour" else key


def _unfit(name: str, table: Table | None, partitioning: Partitioning) -> Failure:
    if table is None:
        what = "the table does not exist"
    elif table.strategy != "range" or table.partition_key != partitioning.by:
        what = f"the table is not partitioned by range of {partitioning.by}"
    else:
        what = (
            f"its key {partitioning.by} cannot be cut into partitions of one {partitioning.every}"
        )
    return Failure(
        name, what, "Run `lifecycle policy check`, and correct `partitions` in the policy."
    )


def _attached(table: Table) -> tuple[tuple[_Attached, ...], list[Failure]]:
    """Return the partitions by their lower bound, also those being detached, and those whose bounds make no sense."""
    found: list[_Attached] = []
    unread: list[Failure] = []
    for part in table.partitions:
        if part.default:
            continue
        try:
            lower = bounds.LOWEST if part.lower is None else bounds.parse(part.lower)
            upper = bounds.HIGHEST if part.upper is None else bounds.parse(part.upper)
        except ValueError:
            unread.append(
                Failure(
                    table.name,
                    f"the bounds of {part.name} are no two moments",
                    "Only tables partitioned by one date or timestamp column are looked after.",
                )
            )
        else:
            found.append(_Attached(part.name, lower, upper, part.detaching))
    return tuple(sorted(found, key=lambda part: part.lower)), unread


def uncovered(table: Table, slots: Iterable[Slot]) -> tuple[Slot, ...]:
    """Return the periods of which a row would be refused, or land in the default partition."""
    attached, _ = _attached(table)
    return tuple(slot for slot in slots if not _covered(slot, attached))


def taking(table: Table, slots: Iterable[Slot]) -> frozenset[str]:
    """Return the partitions that take rows of these periods."""
    attached, _ = _attached(table)
    return frozenset(part.name for slot in slots for part in _inside(slot, attached))


def holes(table: Table, slots: tuple[Slot, ...]) -> tuple[str, ...]:
    """Return the times before these periods, and after the first partition, that no partition takes."""
    attached, _ = _attached(table)
    return tuple(
        f"{earlier.upper} and {min(later.lower, slots[0].lower)}"
        for earlier, later in pairwise(attached)
        if earlier.upper < later.lower and earlier.upper < slots[0].lower
    )


def _inside(slot: Slot, attached: Iterable[_Attached]) -> list[_Attached]:
    return [part for part in attached if part.lower < slot.upper and slot.lower < part.upper]


def _covered(slot: Slot, attached: Iterable[_Attached]) -> bool:
    """Say whether these partitions, in order, leave no moment of the period out."""
    reached = slot.lower
    for part in _inside(slot, attached):
        if part.detaching:
            continue
        if part.lower > reached:
            return False
        reached = max(reached, part.upper)
    return reached >= slot.upper


def _notes(
    name: str,
    table: Table,
    slots: tuple[Slot, ...],
    attached: tuple[_Attached, ...],
    stray_rows: bool,
) -> Iterator[str]:
    """Yield what a person should know and nothing here mends."""
    for hole in holes(table, slots):
        yield f"{name}: no partition between {hole}"
    for part in attached:
        if part.upper > slots[-1].upper:
            reach = "lies" if part.lower >= slots[-1].upper else "reaches"
            yield f"{name}: {part.name} {reach} beyond the periods asked for"
    for pending in table.detaching:
        yield f"{name}: the detach of {pending} was interrupted and must be finalized"
    if stray_rows:
        yield f"{name}: rows lie in the default partition"


def _names(catalog: Catalog) -> set[str]:
    """Return every name that a new table cannot have."""
    partitions = {part.name for table in catalog.tables.values() for part in table.partitions}
    return {*catalog.tables, *catalog.views, *partitions}
