"""What compression needs: only a hypertable's owner may set it, and compress its chunks."""

from collections.abc import Iterator

from lifecycle.policy.model import Policy
from lifecycle.policy.rights import Right
from lifecycle.postgres.shape import Catalog
from lifecycle.timescale.section import SECTION


def rights(policy: Policy, _catalog: Catalog) -> Iterator[Right]:
    """Yield the hypertables whose owner compresses."""
    for table, rule in SECTION.of(policy).items():
        if rule.compress:
            yield Right(table, "own", "TimescaleDB lets only the owner compress a chunk")
