"""The places a rule covers, by name: what the policy and the catalog promise of it. Pure; `survey.py` looks there."""

from collections.abc import Iterable

from lifecycle.coverage import Place
from lifecycle.outcome import Failure
from retention.rules import Bound


def promised(fit: Iterable[Bound], unfit: Iterable[Failure]) -> dict[str, frozenset[Place]]:
    """Return what each rule promises: its rows, by leaf and through the table, those without a date, copies."""
    found = {failure.target: frozenset({Place("rule", failure.target)}) for failure in unfit}
    for bound in fit:
        leaves = (leaf(bound, name) for name in bound.leaves)
        whole = (through(bound),) if bound.parted else ()
        copied = () if bound.rule.do == "move" else (copies(bound),)  # what moves does not end
        of_one = frozenset({*copied, undated(bound), *whole, *leaves})
        found[bound.rule.label] = found.get(bound.rule.label, frozenset()) | of_one
    return found


def leaf(bound: Bound, name: str) -> Place:
    """Return the place of a rule's overdue rows in one leaf: two rules may look at one leaf."""
    rule = bound.rule.label
    return Place("leaf", name if name == rule else f"{name} ({rule})")


def undated(bound: Bound) -> Place:
    """Return the place of the rows that no rule can judge."""
    return Place("rows", f"without a date of {bound.rule.label}")


def through(bound: Bound) -> Place:
    """Return the place of the overdue rows that a query of the table itself sees, wherever they stand."""
    return Place("rows", f"through {bound.rule.label}")


def alone(name: str) -> Place:
    """Return the place of the rows that stand in what was a partition until its time was over."""
    return Place("taken off", name)


def copies(bound: Bound) -> Place:
    """Return the search for copies: each that is found is a place of its own."""
    return Place("search", f"for copies of {bound.rule.label}")
