"""Which time the attached partitions of a table take, and which none takes. Pure.

What exists is what PostgreSQL routes rows to: the bounds of attached partitions, never their names. One that is being
detached takes no row, and yet nothing else can be made in its place.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from lifecycle.outcome import Failure
from lifecycle.partitions import bounds
from lifecycle.partitions.bounds import KeyType
from lifecycle.partitions.grid import Slot
from lifecycle.postgres.bounds_clause import range_bounds
from lifecycle.postgres.catalog import Branch, Table


@dataclass(frozen=True, slots=True)
class Attached:
    """One partition by the time it takes, on the key's clock."""

    name: str
    lower: datetime
    upper: datetime
    detaching: str


def attached(table: Table, key: KeyType) -> tuple[tuple[Attached, ...], list[Failure]]:
    """Return the partitions by their lower bound, also those being detached, and those whose bounds make no sense."""
    found: list[Attached] = []
    unread: list[Failure] = []
    for part in table.partitions:
        if part.default:
            continue
        try:
            lower, upper = _moments((part.lower, part.upper), key)
        except ValueError:
            unread.append(
                Failure(
                    table.name,
                    f"the bounds of {part.name} are no two moments",
                    "Only tables are looked after whose partitions begin and end with a moment: none within one, by a "
                    "further column of the key.",
                )
            )
        else:
            found.append(Attached(part.name, lower, upper, part.detaching))
    return tuple(sorted(found, key=lambda part: part.lower)), unread


def with_ended(
    parts: tuple[Attached, ...], ended: Iterable[str], key: KeyType, nth: int = 0
) -> tuple[Attached, ...]:
    """Return the partitions with those that were taken off between them, by their bounds: that time is over.

    What ended is known by its table's name. Bounds that are none of this key are of a table that had the name before,
    or had another key: they say nothing about this one. `nth`: which column of the key is the time.
    """
    spent = [one for bound in ended if (one := _of_bound(bound, key, nth))]
    between = [part for part in spent if parts and part.lower > parts[0].lower]
    return tuple(sorted((*parts, *between), key=lambda part: part.lower))


def _of_bound(bound: str, key: KeyType, nth: int) -> Attached | None:
    try:
        return Attached("", *_moments(range_bounds(bound, nth), key), "")
    except ValueError:
        return None


def tops(table: Table, key: KeyType, slots: tuple[Slot, ...]) -> Iterator[str]:
    """Yield what hangs on the table itself and takes rows of these periods; none of them is a default partition."""
    for name, bound in table.branches[0].children:
        part = None if bound == "DEFAULT" else _of_bound(bound, key, table.nth)
        if part and any(part.lower < slot.upper and slot.lower < part.upper for slot in slots):
            yield name


def below(
    branch: Branch, key: KeyType, slots: tuple[Slot, ...]
) -> Iterator[tuple[datetime, datetime]]:
    """Yield what no child of a partition by the same key takes, of its own share of these periods.

    Raise ValueError where its bounds are no moments.
    """
    lower, upper = _moments(range_bounds(branch.bound), key)
    children = sorted(_moments(range_bounds(bound), key) for _, bound in branch.children)
    parts = [Attached("", *moments, "") for moments in children]
    share = Slot(max(lower, slots[0].lower), min(upper, slots[-1].upper), "")
    if share.lower < share.upper:
        yield from gaps(share, parts)


def _moments(bound: tuple[str | None, str | None], key: KeyType) -> tuple[datetime, datetime]:
    lower, upper = bound
    return (
        bounds.LOWEST if lower is None else bounds.parse(lower, key),
        bounds.HIGHEST if upper is None else bounds.parse(upper, key),
    )


def uncovered(parts: Iterable[Attached], slots: Iterable[Slot]) -> tuple[Slot, ...]:
    """Return the periods of which a row would be refused, or land in the default partition."""
    parts = [part for part in parts if not part.detaching]
    return tuple(slot for slot in slots if any(True for _ in gaps(slot, parts)))


def taking(parts: Iterable[Attached], slots: Iterable[Slot]) -> frozenset[str]:
    """Return the partitions that take rows of these periods."""
    return frozenset(part.name for slot in slots for part in inside(slot, parts))


def inside(slot: Slot, parts: Iterable[Attached]) -> list[Attached]:
    """Return the partitions that take rows of this period."""
    return [part for part in parts if part.lower < slot.upper and slot.lower < part.upper]


def gaps(slot: Slot, parts: Iterable[Attached]) -> Iterator[tuple[datetime, datetime]]:
    """Yield what these partitions, in their order, leave out of the period."""
    reached = slot.lower
    for part in inside(slot, parts):
        if part.lower > reached:
            yield reached, part.lower
        reached = max(reached, part.upper)
    if reached < slot.upper:
        yield reached, slot.upper


def holes(parts: tuple[Attached, ...], until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the times after the first partition, and before `until`, that no partition takes."""
    reached = parts[0].upper if parts else until
    for part in (*parts[1:], None):
        lower = until if part is None else min(part.lower, until)
        if reached < lower:
            yield reached, lower
        reached = max(reached, part.upper if part else until)
