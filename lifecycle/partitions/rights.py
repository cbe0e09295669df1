"""What partitions need: only a table's owner may attach one to it."""

from collections.abc import Iterator

from lifecycle.partitions.section import SECTION
from lifecycle.policy.model import Policy
from lifecycle.policy.rights import Right
from lifecycle.postgres.shape import Catalog


def rights(policy: Policy, _catalog: Catalog) -> Iterator[Right]:
    """Yield the tables whose owner makes partitions."""
    for table in SECTION.of(policy):
        yield Right(table, "own", "PostgreSQL lets only the owner attach a partition")
