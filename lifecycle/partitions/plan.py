"""Decides which partitions are missing. Pure: the policy, the catalog and the moment in, a frozen plan out.

What exists is what PostgreSQL routes rows to: the bounds of attached partitions, never their names. Of a period that
others cover in part, the rest is made. Whatever is in the way of one table, the others go on.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from lifecycle.outcome import Failure
from lifecycle.partitions import bounds, cover, grid
from lifecycle.partitions.bounds import KeyType
from lifecycle.partitions.cover import Attached
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

MANY = 100
"""How many periods of one hole in the past are made; a longer one comes from a stray partition, and is named."""

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


def periods(policy: Policy, table: Table | None, now: datetime, name: str) -> tuple[Slot, ...]:
    """Return the periods of a table that must have a partition now; none where the table is not as the policy says."""
    partitioning = SECTION.of(policy)[name]
    key = key_of(table, partitioning)
    if key is None:
        return ()
    zone = ZoneInfo(policy.timezone)
    return grid.slots(grid.every(partitioning.every), key, zone, now, partitioning.ahead)


def parts(policy: Policy, table: Table | None, name: str) -> tuple[Attached, ...]:
    """Return the attached partitions of a table by their time; none where the table is not as the policy says."""
    key = key_of(table, SECTION.of(policy)[name])
    return cover.attached(table, key)[0] if table is not None and key is not None else ()


def decide(policy: Policy, seen: Seen, now: datetime) -> Decision[CreatePartition]:
    """Return the partitions to make: each period since the first one, the current and `ahead` more have theirs."""
    catalog = seen.catalog
    steps: list[CreatePartition] = []
    blocked: list[Failure] = []
    notes: list[str] = []
    taken = _names(catalog)
    for name, partitioning in promised(policy, seen.only).items():
        table = catalog.tables.get(name)
        key = key_of(table, partitioning)
        if table is None or key is None:
            blocked.append(_unfit(name, table, partitioning))
            continue
        slots = periods(policy, table, now, name)
        parts, unread = cover.attached(table, key)
        blocked += unread
        past = () if _default(table) else tuple(_past(policy, partitioning, key, parts, slots[0]))
        if name in seen.unread and cover.uncovered(parts, (*past, *slots)):
            reason = seen.unread[name]
            blocked.append(Failure(name, f"nothing is made for it: {reason.why}", reason.hint))
        elif not unread:
            for slot in (*past, *slots):
                for found in _decide_slot(table, key, partitioning, slot, parts, taken):
                    if isinstance(found, CreatePartition):
                        steps.append(_beside(found, seen, table))
                    else:
                        blocked.append(found)
        notes += _notes(name, table, slots, parts, name in seen.strays)
    return Decision(tuple(steps), tuple(blocked), tuple(notes))


def _default(table: Table) -> bool:
    return any(part.default for part in table.partitions)


def _past(
    policy: Policy,
    partitioning: Partitioning,
    key: KeyType,
    parts: tuple[Attached, ...],
    present: Slot,
) -> Iterator[Slot]:
    """Yield the periods since the first partition for which there is none: the service was away. Not of a vast hole."""
    length, zone = grid.every(partitioning.every), ZoneInfo(policy.timezone)
    for lower, upper in cover.holes(parts, present.lower):
        wanted = tuple(islice(grid.between(length, key, zone, lower, upper), MANY + 1))
        if len(wanted) <= MANY:
            yield from (slot for slot in wanted if slot.lower < present.lower)


def _decide_slot(
    table: Table,
    key: KeyType,
    partitioning: Partitioning,
    slot: Slot,
    parts: tuple[Attached, ...],
    taken: set[str],
) -> Iterator[CreatePartition | Failure]:
    """Yield the steps that make this period whole, none when it is covered, or why that cannot be."""
    left = tuple(cover.gaps(slot, parts))
    for part in cover.inside(slot, parts):
        if part.detaching:
            left = ()
            yield Failure(
                table.name,
                f"its period {slot.label} is still held by {part.detaching}, whose detach was interrupted",
                "Finish it: `alter table ... detach partition ... finalize`, then run again.",
            )
    for lower, upper in left:
        whole = (lower, upper) == (slot.lower, slot.upper)
        label = slot.label if whole else f"{slot.label}_from_{lower:%Y%m%dt%H%M%S}"
        child = child_name(table.relname, label)
        first, last = bounds.literal(lower, key), bounds.literal(upper, key)
        if policy_name(table.schema, child) in taken:
            yield Failure(
                table.name,
                f"{policy_name(table.schema, child)} exists and is no partition for {first} to {last}",
                "Lifecycle adopts and drops nothing it did not make: attach it, rename it or drop it by hand.",
            )
            continue
        taken.add(policy_name(table.schema, child))
        others = ", ".join(part.name for part in cover.inside(slot, parts))
        yield CreatePartition(
            verb="create partition",
            target=policy_name(table.schema, child),
            reason=f"a partition for every {partitioning.every}, {partitioning.ahead} ahead"
            + ("" if whole else f"; the rest of {slot.label}, which {others} covers in part"),
            cost="",
            parent=table.name,
            schema=table.schema,
            parent_relname=table.relname,
            relname=child,
            owner=table.owner,
            by=partitioning.by,
            lower=first,
            upper=last,
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


def child_name(parent: str, label: str) -> str:
    """Return `<parent>_<label>`; where that is longer than 63 bytes, cut and made unique by a digest."""
    whole = f"{parent}_{label}"
    if len(whole.encode()) <= NAME_BYTES:
        return whole
    end = f"_{hashlib.sha256(parent.encode()).hexdigest()[:8]}_{label}"
    room = NAME_BYTES - len(end)
    return parent.encode()[:room].decode(errors="ignore") + end


def key_of(table: Table | None, partitioning: Partitioning) -> KeyType | None:
    """Return the kind of the partition key, or None when the table is not what the policy says."""
    if table is None or table.strategy != "range":
        return None
    column = table.column(partitioning.by) if table.partition_key == partitioning.by else None
    key = bounds.key_type(column.type, partitioning.holds) if column else None
    return None if key == "date" and grid.every(partitioning.every).unit == "hour" else key


def _unfit(name: str, table: Table | None, partitioning: Partitioning) -> Failure:
    if table is None:
        what = "the table does not exist"
    elif table.strategy != "range" or table.partition_key != partitioning.by:
        what = f"the table is not partitioned by range of {partitioning.by}"
    else:
        what = (
            f"its key {partitioning.by} cannot be cut into partitions of one {partitioning.every}"
            + (f" that holds {partitioning.holds}" if partitioning.holds else "")
        )
    return Failure(
        name, what, "Run `lifecycle policy check`, and correct `partitions` in the policy."
    )


def _notes(
    name: str,
    table: Table,
    slots: tuple[Slot, ...],
    parts: tuple[Attached, ...],
    stray_rows: bool,
) -> Iterator[str]:
    """Yield what a person should know and nothing here mends."""
    for lower, upper in cover.holes(parts, slots[0].lower):
        yield f"{name}: no partition between {lower} and {upper}"
    for part in parts:
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
