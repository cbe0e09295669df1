"""How many of the partitions that a policy wants are there; what a run makes of the past is none of them. Pure."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from lifecycle.partitions import cover, plan, sets
from lifecycle.partitions.section import SECTION
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Catalog


def tally(policy: Policy, catalog: Catalog, names: Iterable[str], now: datetime) -> tuple[int, int]:
    """Return how many partitions of these tables are there, and how many are wanted."""
    counts = [_of(policy, catalog, name, now) for name in names]
    return sum(there for there, _ in counts), sum(wanted for _, wanted in counts)


def _of(policy: Policy, catalog: Catalog, name: str, now: datetime) -> tuple[int, int]:
    table, rule = catalog.tables.get(name), SECTION.of(policy)[name]
    buckets = sets.wanted(rule)
    slots, every = plan.wanted(policy, table, now, name)
    wanted = len(buckets) or len(slots) * len(every)
    if table is None or not plan.fits(table, rule):
        return 0, wanted
    if buckets:
        left = buckets
        with suppress(sets.Odd):
            left = sets.missing(rule, table.branches[0])
        return wanted - len(left), wanted
    key = plan.key_of(table, rule)
    parts = (cover.attached(one.table, key)[0] if key else () for one in every)
    return sum(len(slots) - len(cover.uncovered(those, slots)) for those in parts), wanted
