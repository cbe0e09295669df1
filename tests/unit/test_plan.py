"""The cap on an unattended run, and what is said of a plan that is not what would be done any more."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from lifecycle.outcome import Failure
from lifecycle.plan import Decision, Plan, Step, differences, within


def step(target: str, rows: int, *, group: str = "", binds: str = "") -> Step:
    return Step("delete rows", target, "why", f"{rows} rows", rows=rows, group=group, binds=binds)


def allowed(steps: tuple[Step, ...], cap: int) -> tuple[list[str], list[str]]:
    decision, refused = within(Decision(steps), cap, "retention")
    return [one.target for one in decision.steps], [failure.target for failure in refused]


def test_up_to_the_cap_everything_is_allowed() -> None:
    assert allowed((step("t0", 60), step("t1", 40)), 100) == (["t0", "t1"], [])


def test_the_cap_counts_over_the_whole_run_and_a_smaller_rule_still_fits() -> None:
    steps = (step("t0", 60), step("t1", 41), step("t2", 40))
    assert allowed(steps, 100) == (["t0", "t2"], ["t1"])
    _, [refused] = within(Decision(steps), 100, "retention")
    assert "41 rows would end or change" in refused.what


def test_a_group_stands_or_falls_together_and_has_the_cap_for_itself() -> None:
    steps = (
        step("a", 60, group="request 1"),
        step("b", 41, group="request 1"),
        step("a", 100, group="request 2"),
        step("stripe", 0, group="request 1"),
    )
    assert allowed(steps, 100) == (["a"], ["request 1"])


@dataclass(frozen=True, slots=True)
class Typed(Step):
    """A step with a field of its own."""

    lower: str


def plan(*steps: Step, **more: Any) -> Plan[Step]:
    return Plan("retention", "s", "d", "digest", Decision(steps, **more))


def told(before: Plan[Step], after: Plan[Step]) -> list[str]:
    return list(differences(before.document(), after.document()))


def test_what_has_changed_is_said_step_by_step() -> None:
    before = plan(step("gone", 1), step("more", 2), step("others", 3, binds="a"))
    after = plan(step("more", 5), step("others", 3, binds="b"), step("new", 1))
    assert told(before, after) == [
        "delete rows gone is no longer to be done",
        "delete rows new is new",
        "delete rows more: 5 rows instead of 2 rows",
        "delete rows others: as many rows or objects, and not the same ones",
    ]


def test_every_difference_that_changes_the_hash_is_told() -> None:
    first = plan(step("t", 1))
    others = [
        dataclasses.replace(first, system="x"),
        dataclasses.replace(first, database="x"),
        dataclasses.replace(first, policy_digest="x"),
        dataclasses.replace(first, only="t"),
        plan(step("t", 1), notes=("x",)),
        plan(step("t", 1), facts={"x": "y"}),
        plan(step("t", 1), refusals=(Failure("x", "y", "z"),)),
        plan(step("t", 1, binds="x")),
        plan(Typed("delete rows", "t", "why", "1 rows", "2026", rows=1)),
    ]
    for other in others:
        assert other.hash != first.hash
        assert told(first, other), other
