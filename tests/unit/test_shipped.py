"""The systems that come with the product: each is whole, and a wrong name is answered with the right ones."""

from pathlib import Path

import pytest

from lifecycle import systems
from lifecycle.errors import NotFound
from lifecycle.policy import load
from lifecycle.rooms import jobs
from lifecycle.sandbox import installation
from lifecycle.systems import shipped

FOLDERS = {path.parent.name for path in Path(systems.__file__).parent.glob("*/policy.yaml")}


def test_every_folder_with_a_policy_is_a_system_that_can_be_named() -> None:
    assert {shipped.named(name).database for name in shipped.NAMES} == FOLDERS


@pytest.mark.parametrize("name", shipped.NAMES)
def test_its_day_is_every_job_of_its_policy_and_its_buckets_are_those_the_policy_names(
    name: str,
) -> None:
    system = shipped.named(name)
    policy = load.policy(system.policy)[0]
    assert (policy.system, policy.database) == (name, system.database)
    assert set(installation.day(system)) == {job.name for job in jobs(policy)}
    papers = {table.bucket for table in policy.tables.values() if table.bucket}
    assert papers == set(system.papers)
    assert any(subject.payer for subject in policy.subjects.values()) == system.customers


def test_a_name_that_is_none_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(NotFound) as error:
        shipped.named("vitali")
    assert "Did you mean `vitalis`?" in error.value.hint
