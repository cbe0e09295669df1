"""Partitions that are foreign tables: looked at, counted, left alone by rule; what cannot be counted is no pass."""

from datetime import timedelta
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from lifecycle.outcome import Verdict
from lifecycle.postgres import waits
from tests.database.test_retention_partitions import told, verbs
from tests.house import OWNER, House, unseen

RULE: dict[str, Any] = {"table": "log", "after": "2 years", "because": "an archive tier"}


@pytest.fixture
def house(database: str, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(waits, "PATIENCE", timedelta(seconds=0.4))
    return House(database)


def made(house: House, **said: Any) -> None:
    """A table whose oldest year lies on another server, which is this one by another way."""
    name = conninfo_to_dict(house.admin)
    house.say(OWNER)
    house.say(
        "create table there (id int, at date not null);"
        "insert into there select n, date '2020-05-05' + n from generate_series(1, 5) n;"
        "create extension postgres_fdw;"
        f"create server other foreign data wrapper postgres_fdw options (host '{name['host']}', port '{name['port']}',"
        f" dbname '{name['dbname']}');"
        f"create user mapping for public server other options (user '{name['user']}', password_required 'false');"
        "grant usage on foreign server other to house_owner; set role house_owner;"
        "create table log (id int, at date not null) partition by range (at);"
        "create foreign table far partition of log for values from ('2020-01-01') to ('2021-01-01') server other"
        " options (table_name 'there');"
        "create table near partition of log for values from ('2021-01-01') to ('2022-01-01');"
        "create table now partition of log for values from ('2022-01-01') to ('2030-01-01');"
        "insert into near values (7, '2021-05-05'), (8, '2021-06-05')"
    )
    house.promise(RULE | said)


@pytest.mark.parametrize(
    ("do", "steps"),
    [
        ({"do": "delete", "by": "at"}, ["delete rows log"]),
        ({"do": "drop"}, ["detach partition near"]),
    ],
    ids=["delete", "drop"],
)
def test_rows_that_a_rule_leaves_on_another_server_are_counted_and_no_failure(
    house: House, do: dict[str, Any], steps: list[str]
) -> None:
    made(house, **do, elsewhere="keep")
    plan = house.plan()
    assert verbs(plan) == steps
    assert "5 rows of far, a foreign table, whose time is over, stay there" in str(
        plan.decision.notes
    )
    outcome = house.run()
    assert (told(outcome), outcome.verdict) == ("", Verdict.PASS), unseen(outcome)
    assert (outcome.counts["overdue"], outcome.counts["kept elsewhere"]) == (0, 5)
    assert house.number("select count(*) from there") == 5
    assert house.number("select count(*) from log") == 5


@pytest.mark.parametrize(
    "do", [{"do": "delete", "by": "at"}, {"do": "drop"}], ids=["delete", "drop"]
)
def test_without_that_word_they_fail_the_run_and_stay(house: House, do: dict[str, Any]) -> None:
    made(house, **do)
    outcome = house.run()
    assert outcome.verdict is Verdict.FAIL
    assert "5 overdue rows in far, a foreign table" in told(outcome)
    assert house.number("select count(*) from there") == 5


@pytest.mark.parametrize(
    "do", [{"do": "delete", "by": "at"}, {"do": "drop"}], ids=["delete", "drop"]
)
def test_where_the_other_server_does_not_answer_nobody_says_that_all_is_well(
    house: House, do: dict[str, Any]
) -> None:
    made(house, **do, elsewhere="keep")
    house.say("alter server other options (set port '1')")
    outcome = house.run()
    assert (outcome.verdict, told(outcome)) == (Verdict.UNVERIFIED, "")
    assert "far" in str(unseen(outcome))
    assert house.number("select count(*) from near") in (0, 2)
    assert house.number("select count(*) from there") == 5
