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
        if table is None or (table.compressed and rule.do not in ("drop", "delete")):
            continue  # no value of what is compressed ends
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
        if clock and not table.compressed:  # TimescaleDB gives no right on a column there
            yield Right(name, "update", "a row is locked before it goes", (clock,))
