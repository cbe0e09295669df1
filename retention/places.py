"""The places a rule covers, by name: what the policy and the catalog promise of it. Pure; `survey.py` looks there."""

from collections.abc import Iterable

from lifecycle.coverage import Place
from lifecycle.outcome import Failure
from retention.rules import Bound


def promised(fit: Iterable[Bound], unfit: Iterable[Failure]) -> dict[str, frozenset[Place]]:
    """Return what is promised by each rule: its rows in every leaf, those without a date, and a search for copies."""
    found = {failure.target: frozenset({Place("rule", failure.target)}) for failure in unfit}
    for bound in fit:
        leaves = (leaf(bound, name) for name in bound.leaves)
        of_one = frozenset({copies(bound), undated(bound), *leaves})
        found[bound.rule.table] = found.get(bound.rule.table, frozenset()) | of_one
    return found


def leaf(bound: Bound, name: str) -> Place:
    """Return the place of a rule's overdue rows in one leaf: two rules may look at one leaf."""
    rule = bound.rule.table
    return Place("leaf", name if name == rule else f"{name} ({rule})")


def undated(bound: Bound) -> Place:
    """Return the place of the rows that no rule can judge."""
    return Place("rows", f"without a date of {bound.rule.table}")


def copies(bound: Bound) -> Place:
    """Return the search for copies: each that is found is a place of its own."""
    return Place("search", f"for copies of {bound.rule.table}")
