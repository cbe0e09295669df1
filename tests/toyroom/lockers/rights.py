"""What emptying a locker needs."""

from collections.abc import Iterator

from lockers.section import SECTION

from lifecycle.policy.model import Policy
from lifecycle.policy.rights import Right
from lifecycle.postgres.shape import Catalog


def rights(policy: Policy, _catalog: Catalog) -> Iterator[Right]:
    """Yield the columns that are set."""
    lockers = SECTION.of(policy)
    if lockers:
        yield Right(lockers.table, "update", "a locker is emptied", ("holder", lockers.emptied))
