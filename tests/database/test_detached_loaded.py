"""A database that was loaded from a dump gives its tables other numbers: what stood in its grace is known by its name.

Nothing is dropped by a number that means another table here, nor by a name alone; and nothing is lost from sight.
"""

from collections.abc import Iterator

import pytest
from psycopg.conninfo import conninfo_to_dict

from lifecycle.outcome import Verdict
from lifecycle.postgres.server import Cluster
from tests.conftest import a_database
from tests.database.test_retention_partitions import LATER, made, over
from tests.house import House


@pytest.fixture
def house(database: str) -> House:
    return House(database)


@pytest.fixture
def loaded(house: House, cluster: Cluster) -> Iterator[House]:
    """The same house in another database, loaded from a dump while `log_2022` and `log_2023` stood in their grace."""
    made(house)
    assert house.run().counts["taken off"] == 2
    over(house)
    for info in a_database(cluster, "template0"):
        cluster.run("pg_dump", "--format=custom", "--file=h.dump", house.admin)
        cluster.run("pg_restore", "--dbname", info, "h.dump")
        there = House(info)
        name = conninfo_to_dict(info)["dbname"]
        there.policy = house.policy.model_copy(update={"database": name})
        there.slot = 1000
        yield there


def ended(house: House) -> list[tuple[str, str | None]]:
    return house.ask("select name, ended from lifecycle.detached order by id")


def test_what_was_in_its_grace_is_named_and_not_dropped_whatever_its_number_means_here(
    loaded: House,
) -> None:
    outcome = loaded.run(LATER)
    assert outcome.verdict is Verdict.FAIL
    assert {failure.target for failure in outcome.failures} == {"log_2022", "log_2023"}
    for failure in outcome.failures:
        assert "before this database was loaded from a dump" in failure.what
        assert "attach partition" in failure.hint
    assert ended(loaded) == [("log_2022", None), ("log_2023", None)]
    assert loaded.number("select count(*) from log_2022") == 11


def test_attached_again_it_is_taken_off_anew_for_its_whole_grace(loaded: House) -> None:
    [hint] = {f.hint for f in loaded.run(LATER).failures if f.target == "log_2022"}
    loaded.say(hint.split("`")[1])
    loaded.say("drop table log_2023")
    outcome = loaded.run(LATER)
    assert outcome.failures == ()
    assert ended(loaded) == [
        ("log_2022", "attached again"),
        ("log_2023", "gone"),
        ("log_2022", None),
    ]
    assert loaded.number("select count(*) from log_2022") == 11
    outcome = loaded.run(LATER)
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ())
    over(loaded)
    assert loaded.run(LATER).counts["dropped"] == 1


def test_a_number_that_is_another_table_here_does_nothing_to_it(loaded: House) -> None:
    """A number of the other database may be a partition of this one, attached or on its way."""
    young = loaded.number("select 'log_2026'::regclass::oid::bigint")
    loaded.say(
        "alter table lifecycle.detached disable trigger user;"
        f"update lifecycle.detached set relation = {young} where name = 'log_2022'"
    )
    loaded.run(LATER)
    assert ended(loaded) == [("log_2022", None), ("log_2023", None)]
    assert loaded.number("select count(*) from pg_inherits where inhrelid = 'log_2026'::regclass")
