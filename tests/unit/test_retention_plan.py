"""The cap on an unattended run."""

from lifecycle.policy import whole
from lifecycle.policy.model import Policy
from retention import plan
from retention.plan import Expire


def step(rule: int, rows: int) -> Expire:
    return Expire(
        "delete rows", f"t{rule}", "why", "", rule, rows, "2026-01-01", ((f"t{rule}", rows),)
    )


def policy(cap: int) -> Policy:
    return whole.model().model_validate(
        {"system": "s", "database": "d", "tables": {}, "limits": {"rows_per_run": cap}}
    )


def test_up_to_the_cap_everything_is_allowed() -> None:
    steps = (step(0, 60), step(1, 40))
    assert plan.within(policy(100), steps) == (list(steps), [])


def test_the_cap_counts_over_the_whole_run_and_a_smaller_rule_still_fits() -> None:
    allowed, refused = plan.within(policy(100), (step(0, 60), step(1, 41), step(2, 40)))
    assert [one.rule for one in allowed] == [0, 2]
    assert [failure.target for failure in refused] == ["t1"]
    assert "41 rows are overdue" in refused[0].what
