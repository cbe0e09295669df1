"""Who hangs on whom: in which order one person's rows can be deleted, over the live foreign keys and references.

Pure. Rows go before the rows they point to. A foreign key whose column is declared under `mentions` is set to
NULL before anything is deleted, so it holds nothing up; that is how circles are broken. A table that points to
itself holds nothing up either, as all of one person's rows in it go in one statement. Never guesses: where an
order does not exist, it says which tables hold each other.
"""

from lifecycle.errors import Refused
from lifecycle.policy import virtual, whole
from lifecycle.policy.model import Policy, SharedBy, Through
from lifecycle.postgres.catalog import Catalog, ForeignKey


def deleted(policy: Policy, subject: str) -> frozenset[str]:
    """Return the tables from which an erasure deletes rows: owned, not kept, and no section holds their rows."""
    stays = whole.never_ends(policy)
    return frozenset(
        name
        for name, table in policy.tables.items()
        if table.owner and subject in table.owner and not table.keep and name not in stays
    )


def shared(policy: Policy, subject: str) -> frozenset[str]:
    """Return the tables whose rows several people share, and that go with the last of them."""
    return frozenset(
        name
        for name in deleted(policy, subject)
        if isinstance((policy.tables[name].owner or {})[subject], SharedBy)
    )


def ways(policy: Policy, catalog: Catalog, table: str, subject: str) -> tuple[ForeignKey, ...]:
    """Return the foreign keys through which a row of `table` is owned; empty where a column names the person.

    `through: [visit_id, panel_id]` may be one foreign key of two columns or two of one: a row that has several
    ways goes with whoever is at the end of any of them.
    """
    how = (policy.tables[table].owner or {}).get(subject)
    if not isinstance(how, Through):
        return ()
    return tuple(
        key
        for key in catalog.foreign_keys
        if key.table == table
        and virtual.names(key) <= set(how.through)
        and subject in (_owner(policy, key.referenced))
    )


def goes_round(
    policy: Policy, catalog: Catalog, table: str, subject: str, behind: tuple[str, ...] = ()
) -> bool:
    """Say whether the ways of a table lead back to a table they started from, instead of to a person."""
    return table in behind or any(
        goes_round(policy, catalog, key.referenced, subject, (*behind, table))
        for key in ways(policy, catalog, table, subject)
    )


def order(policy: Policy, catalog: Catalog, subject: str) -> tuple[str, ...]:
    """Return the tables in the order in which one person's rows are deleted.

    Children first, then the table of persons, then what they shared.

    Equal policies and catalogs give equal orders. Raise Refused when a row that stays would point to one that
    goes, or when tables hold each other and no column of the circle is declared under `mentions`.
    """
    going = deleted(policy, subject)
    last = _shared_along(policy, catalog, subject)
    before: dict[str, set[str]] = {name: set() for name in going}
    if_possible: dict[str, set[str]] = {name: set() for name in going}
    for key in catalog.foreign_keys:
        if key.referenced not in going:
            continue
        if key.table not in going:
            _refuse_left_behind(policy, key)
        elif key.table != key.referenced:
            (if_possible if mentioned(policy, key) else before)[key.referenced].add(key.table)
    people = policy.subjects[subject].table
    ranks = (going - last - {people}, going & {people}, last - {people})
    ordered: list[str] = []
    while waiting := going - set(ordered):
        ordered.append(_next(ranks, waiting, before, if_possible))
    return tuple(ordered)


def _shared_along(policy: Policy, catalog: Catalog, subject: str) -> frozenset[str]:
    """Return the shared tables and those owned through them alone, as the bills of an account."""
    found = shared(policy, subject)
    for _ in deleted(policy, subject):
        found |= {
            name
            for name in deleted(policy, subject) - found
            if (keys := ways(policy, catalog, name, subject))
            and all(k.referenced in found for k in keys)
        }
    return found


def _next(
    ranks: tuple[frozenset[str], ...],
    waiting: frozenset[str],
    before: dict[str, set[str]],
    if_possible: dict[str, set[str]],
) -> str:
    """Return the table that goes next: the first by name, of the earliest rank, to which nothing waiting points."""
    for rank in ranks:
        free = [t for t in rank & waiting if not (before[t] | if_possible[t]) & waiting]
        free = free or [t for t in rank & waiting if not before[t] & waiting]
        if free:
            return min(free)
    raise _circle(before, waiting)


def mentioned(policy: Policy, key: ForeignKey) -> bool:
    """Say whether an erasure sets this key to NULL, or to the tombstone, where it points to a row that goes."""
    table = policy.tables.get(key.table)
    return table is not None and bool(virtual.names(key) & {*table.emptied, *table.author})


def survives(policy: Policy, key: ForeignKey) -> bool:
    """Say whether a row that stays may have this key: an erasure clears it first, or the policy lets it be.

    Or it is what holds a shared row: that one stays while anybody has it.
    """
    table = policy.tables.get(key.table)
    if table is None:
        return False
    cleared = set(table.keep.clear) if table.keep else set[str]()
    cleared |= whole.cleared(policy, key.table)
    left = virtual.names(key) & {*table.author, *table.ignore}
    shares = any(
        isinstance(how, SharedBy) and how.shared_by == f"{key.table}.{key.columns[0]}"
        for how in (policy.tables[key.referenced].owner or {}).values()
    )
    return mentioned(policy, key) or bool(left) or bool(cleared & set(key.columns)) or shares


def _owner(policy: Policy, table: str) -> frozenset[str]:
    found = policy.tables.get(table)
    return frozenset(found.owner or ()) if found else frozenset()


def _refuse_left_behind(policy: Policy, key: ForeignKey) -> None:
    if not survives(policy, key):
        columns = ", ".join(key.columns)
        raise Refused(
            f"rows of {key.table} stay and point to rows of {key.referenced} that go ({columns})",
            hint=f"Declare whose {key.table} is, or put {columns} under its `mentions`; see `lifecycle policy check`.",
        )


def _circle(before: dict[str, set[str]], waiting: frozenset[str]) -> Refused:
    """Return the refusal, with the tables of one circle in the order in which they point."""
    path = [min(waiting)]
    while True:
        following = min(before[path[-1]] & waiting)
        if following in path:
            circle = [*path[path.index(following) :], following]
            return Refused(
                f"no order to delete in: {' -> '.join(reversed(circle))} point to each other",
                hint="Put a column of the circle that may be NULL under `mentions`, or make one so.",
            )
        path.append(following)
