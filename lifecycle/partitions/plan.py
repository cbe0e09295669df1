"""Decides which partitions are missing. Pure: the policy, the catalog and the moment in, a frozen plan out.

What exists is what PostgreSQL routes rows to: the bounds of attached partitions, never their names. Of a period that
others cover in part, the rest is made. Whatever is in the way of one table, the others go on.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from lifecycle.outcome import Failure
from lifecycle.partitions import bounds, cover, drain, grid, sets
from lifecycle.partitions.bounds import KeyType
from lifecycle.partitions.cover import Attached
from lifecycle.partitions.grid import Slot
from lifecycle.partitions.rule import Partitioning
from lifecycle.partitions.section import SECTION, promised
from lifecycle.partitions.series import Series, series, unclear
from lifecycle.partitions.step import CreatePartition, beside, child_name, step, stored_so
from lifecycle.partitions.survey import Seen
from lifecycle.partitions.then import with_below
from lifecycle.plan import Decision
from lifecycle.policy.model import Policy
from lifecycle.postgres import shut
from lifecycle.postgres.catalog import Catalog, Table
from lifecycle.postgres.names import policy_name
from lifecycle.words import counted

TOO_MANY = 1000
"""From so many partitions on PostgreSQL plans a query that names no time for a quarter of a second (measured)."""

MANY = 100
"""How many periods of one hole in the past are made; a longer one comes from a stray partition, and is named."""


def periods(policy: Policy, table: Table | None, now: datetime, name: str) -> tuple[Slot, ...]:
    """Return the periods of a table that must have a partition now; none where the table is not as the policy says."""
    partitioning = SECTION.of(policy)[name]
    key = key_of(table, partitioning)
    if key is None:
        return ()
    zone = ZoneInfo(policy.timezone)
    return grid.slots(partitioning.length, key, zone, now, partitioning.ahead or 0)


def wanted(
    policy: Policy, table: Table | None, now: datetime, name: str
) -> tuple[tuple[Slot, ...], tuple[Series, ...]]:
    """Return the periods that must have a partition now, and of which series of the table each of them."""
    slots = periods(policy, table, now, name)
    return slots, series(table) if table is not None and slots and not unclear(table) else ()


def decide(policy: Policy, seen: Seen, now: datetime) -> Decision[CreatePartition]:
    """Return the partitions to make: each period since the first one, the current and `ahead` more have theirs."""
    taken = _names(seen.catalog)
    steps: list[CreatePartition] = []
    blocked: list[Failure] = []
    notes: list[str] = []
    for name, partitioning in promised(policy, seen.only).items():
        table = seen.catalog.tables.get(name)
        key = key_of(table, partitioning)
        if table is None:
            blocked.append(_unfit(name, table, partitioning))
            continue
        if wrong := _blocked(seen, table, partitioning, key):
            blocked.append(wrong)
            continue
        found = (
            _of_set(table, partitioning, taken)
            if key is None
            else _of_table(policy, seen, now, table, key, taken)
        )
        for one in found:
            match one:
                case CreatePartition():
                    steps.append(stored_so(beside(one, seen, table), partitioning.stored))
                case Failure():
                    blocked.append(one)
                case str():
                    notes.append(one)
    return Decision(tuple(steps), tuple(blocked), tuple(notes))


def _blocked(
    seen: Seen, table: Table, partitioning: Partitioning, key: KeyType | None
) -> Failure | None:
    """Return why nothing is made for a table, whatever it lacks."""
    if not fits(table, partitioning) or (partitioning.every and key is None):
        return _unfit(table.name, table, partitioning)
    if table.name in seen.shut:
        return Failure(table.name, f"nothing is made for it: {shut.WHY.why}", shut.WHY.hint)
    if table.name in seen.managed:
        return _managed(table, seen.managed[table.name])
    return None


def _of_table(
    policy: Policy, seen: Seen, now: datetime, table: Table, key: KeyType, taken: set[str]
) -> Iterator[CreatePartition | Failure | str]:
    """Yield the steps for a table that is partitioned by time, what is in their way, and what is to be noted."""
    partitioning = SECTION.of(policy)[table.name]
    if wrong := unclear(table):
        yield wrong
        return
    for one in series(table):
        yield from _of_series(policy, seen, now, one, key, taken)
    if partitioning.then is None and (again := [one for one in table.branches[1:] if one.children]):
        way = f"by {again[-1].strategy} of {again[-1].key or 'several columns'}"
        yield f"{table.name}: {again[-1].name} is partitioned again, {way}; without `then` no new one is"
    yield from _notes(table, table.name in seen.strays)


def _of_series(
    policy: Policy, seen: Seen, now: datetime, one: Series, key: KeyType, taken: set[str]
) -> Iterator[CreatePartition | Failure | str]:
    table, zone = one.table, ZoneInfo(policy.timezone)
    partitioning = SECTION.of(policy)[table.name]
    slots = periods(policy, table, now, table.name)
    parts, unread = cover.attached(table, key)
    yield from unread
    ended = one.of(seen.ended.get(table.name, ()))
    old = cover.with_ended(parts, ended, key, table.nth)
    past = () if _default(table) else tuple(_past(policy, partitioning, key, old, slots[0]))
    if table.name in seen.unread and cover.uncovered(parts, (*past, *slots)):
        reason = seen.unread[table.name]
        yield Failure(table.name, f"nothing is made for it: {reason.why}", reason.hint)
    elif not unread:
        drained = drain.rows(seen, table, key)
        early = drain.early(drained, partitioning.length, key, zone, parts, slots[0])
        for slot in (*past, *early, *slots):
            for made in _decide_slot(one, key, zone, partitioning, slot, parts, taken):
                yield (
                    drain.with_rows(made, table, key, drained)
                    if isinstance(made, CreatePartition)
                    else made
                )
    yield from _notes_of_time(one, slots, parts, old)


def fits(table: Table | None, partitioning: Partitioning) -> bool:
    """Say whether a table is partitioned in the way of this rule, by its key."""
    way = (partitioning.strategy, partitioning.by)
    return table is not None and (table.strategy, table.partition_key) == way


def _of_set(
    table: Table, rule: Partitioning, taken: set[str]
) -> Iterator[CreatePartition | Failure]:
    """Yield the steps that make a set whole, or why that cannot be."""
    try:
        left = sets.missing(rule, table.branches[0])
    except sets.Odd as odd:
        hint = "Correct `hash` in the policy, or make the set by hand as you want it."
        yield Failure(table.name, str(odd), hint)
        return
    for bucket in left:
        child = child_name(table.relname, bucket.label)
        if policy_name(table.schema, child) in taken:
            yield _named_so(table, child, ", ".join(bucket.values))
            continue
        taken.add(policy_name(table.schema, child))
        reason = f"a set by {rule.strategy} that takes every row it is asked to"
        yield step(table, rule.by, child, reason, values=bucket.values)


def _managed(table: Table, config: str) -> Failure:
    return Failure(
        table.name,
        f"pg_partman makes its partitions ({config}), and two managers get in each other's way",
        f"Take it over: `lifecycle partitions adopt {table.name}` says how. Or take it out of the policy.",
    )


def _named_so(table: Table, child: str, what: str) -> Failure:
    return Failure(
        table.name,
        f"{policy_name(table.schema, child)} exists and is no partition for {what}",
        "Lifecycle adopts and drops nothing it did not make: attach it, rename it or drop it by hand.",
    )


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
    length, zone = partitioning.length, ZoneInfo(policy.timezone)
    for lower, upper in cover.holes(parts, present.lower):
        wanted = tuple(islice(grid.between(length, key, zone, lower, upper), MANY + 1))
        if len(wanted) <= MANY:
            yield from (slot for slot in wanted if slot.lower < present.lower)


def _decide_slot(
    one: Series,
    key: KeyType,
    zone: ZoneInfo,
    partitioning: Partitioning,
    slot: Slot,
    parts: tuple[Attached, ...],
    taken: set[str],
) -> Iterator[CreatePartition | Failure]:
    """Yield the steps that make this period whole, none when it is covered, or why that cannot be."""
    table, met = one.table, cover.inside(slot, parts)
    left = tuple(cover.gaps(slot, met))
    for part in met:
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
        child = child_name(table.relname, one.label + label)
        first, last = bounds.literal(lower, key), bounds.literal(upper, key)
        others = ", ".join(part.name for part in met)
        reason = f"a partition for every {partitioning.every}, {partitioning.ahead} ahead" + (
            "" if whole else f"; the rest of {slot.label}, which {others} covers in part"
        )
        made = step(table, partitioning.by, child, reason, (first, last), above=one.values)
        made = with_below(made, partitioning.then, key, zone, (lower, upper))
        names = {one.target: one.relname for one in (made, *made.below)}
        if bad := next((name for name in names if name in taken), None):
            yield _named_so(table, names[bad], f"{first} to {last}")
            continue
        taken |= names.keys()
        yield made


def key_of(table: Table | None, partitioning: Partitioning) -> KeyType | None:
    """Return the kind of the partition key, or None when the table is not what the policy says."""
    if table is None or not partitioning.every or not fits(table, partitioning):
        return None
    column = table.column(partitioning.by)
    key = bounds.key_type(column.type, partitioning.holds) if column else None
    return None if key == "date" and partitioning.length.unit == "hour" else key


def _unfit(name: str, table: Table | None, partitioning: Partitioning) -> Failure:
    if table is None:
        what = "the table does not exist"
    elif not fits(table, partitioning):
        way = f"by {table.strategy} of {table.partition_key or 'several columns'}"
        what = (
            f"the table is partitioned {way}" if table.strategy else "the table is not partitioned"
        )
    else:
        what = (
            f"its key {partitioning.by} cannot be cut into partitions of one {partitioning.every}"
            + (f" that holds {partitioning.holds}" if partitioning.holds else "")
        )
    return Failure(
        name, what, "Run `lifecycle policy check`, and correct `partitions` in the policy."
    )


def _notes_of_time(
    one: Series,
    slots: tuple[Slot, ...],
    parts: tuple[Attached, ...],
    old: tuple[Attached, ...],
) -> Iterator[str]:
    """Yield what a person should know of the times. `old` are the partitions with those that ended."""
    for lower, upper in cover.holes(old, slots[0].lower):
        yield f"{one.called}: no partition between {lower} and {upper}"
    for part in parts:
        if part.upper > slots[-1].upper:
            reach = "lies" if part.lower >= slots[-1].upper else "reaches"
            yield f"{one.called}: {part.name} {reach} beyond the periods asked for"


def _notes(table: Table, stray_rows: bool) -> Iterator[str]:
    """Yield what a person should know of the whole table, and nothing here mends."""
    name = table.name
    if len(table.partitions) >= TOO_MANY:
        yield f"{name}: it has {counted(len(table.partitions), 'partition')}; planning a query over all of them is slow"
    for pending in table.detaching:
        yield f"{name}: the detach of {pending} was interrupted and must be finalized"
    if stray_rows:
        yield f"{name}: rows lie in the default partition"


def _names(catalog: Catalog) -> set[str]:
    """Return every name that a new table cannot have."""
    partitions = {part.name for table in catalog.tables.values() for part in table.partitions}
    return {*catalog.tables, *catalog.views, *partitions}
