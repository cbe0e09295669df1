"""What a policy says of the audit log."""

from lifecycle.policy import load, telling
from lifecycle.systems.vitalis.sample import SYSTEM


def test_that_the_log_keeps_what_ends_in_other_tables_stands_in_the_policy_as_it_is_shown() -> None:
    policy = load.policy(SYSTEM.policy)[0]
    said = [one.what for one in telling.of(policy, "audit_log")]
    assert any(
        "what ends in other tables stays in its old_values and new_values" in s for s in said
    )
    assert not any("stays in its" in one.what for one in telling.of(policy, "ingestion_jobs"))
