"""What maintenance needs: only the owner of a materialized view may refresh it, and of a table analyse it."""

from collections.abc import Iterator

from lifecycle.maintenance.section import SECTION
from lifecycle.policy.model import Policy
from lifecycle.policy.rights import Right
from lifecycle.postgres.shape import Catalog


def rights(policy: Policy, catalog: Catalog) -> Iterator[Right]:
    """Yield the views whose owner refreshes, and the tables whose owner analyses."""
    kept = SECTION.of(policy)
    for view in kept.views:
        yield Right(view, "own", "PostgreSQL lets only the owner refresh a materialized view")
    for table in catalog.tables if kept.statistics else ():
        yield Right(table, "analyze", "the planner's samples of it are drawn anew")
