"""What retention needs: the rows it deletes, the columns it clears, and the clock it locks rows by."""

from collections.abc import Iterator

from lifecycle.policy.model import Policy
from lifecycle.policy.rights import Right
from lifecycle.postgres.shape import Catalog
from retention.rule import target
from retention.section import SECTION


def rights(policy: Policy, catalog: Catalog) -> Iterator[Right]:
    """Yield a right for every rule. `select ... for update` needs the right to update some column: the clock's."""
    for rule in SECTION.of(policy):
        name, column = target(rule)
        table = catalog.tables.get(name)
        if table is None:
            continue
        places = not table.compressed or rule.do in ("clear", "move") or rule.archive
        if table.compressed and places and rule.do != "drop":
            yield Right(
                name, "own", "TimescaleDB lets only the owner take a compressed chunk apart"
            )
        if rule.do == "drop":
            yield Right(name, "own", "PostgreSQL lets only the owner take a partition off")
            continue
        if rule.do == "clear":
            yield Right(name, "update", "the policy clears it", (column or "",))
            continue
        yield Right(name, "delete", "the policy lets its rows go")
        if rule.to is not None:
            yield Right(rule.to, "insert", f"rows of {name} move there")
        yield Right(name, "analyze", "the planner remembers values of rows that are gone")
        clock = rule.clock or table.partition_key
        if clock and places:
            yield Right(name, "update", "a row is locked before it goes", (clock,))
