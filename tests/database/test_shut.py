"""A table that somebody has for himself, a migration above all, costs that table alone, by name."""

import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from lifecycle.outcome import Outcome, Verdict
from lifecycle.partitions.promise import PROMISE
from lifecycle.partitions.rule import Partitioning
from lifecycle.postgres import shut, waits
from tests.house import LOG, NOW, OWNER, PLAIN, ROWS, House, unseen
from tests.keep import keep
from tests.waiting import wait_until

ShutBy = Callable[[House, str], AbstractContextManager[None]]

TABLES = (
    PLAIN
    + ROWS
    + "create table other (at date); insert into other values ('2020-01-01');"
    + OWNER
    + """
    create table visit (id int, at date, primary key (id, at)) partition by range (at);
    create table visit_2020 partition of visit for values from ('2020-01-01') to ('2021-01-01');
    create table visit_2026 partition of visit for values from ('2026-01-01') to ('2027-01-01');
    insert into visit values (1, '2020-02-02');
    create table call (at date) partition by range (at);
    create table call_2020 partition of call for values from ('2020-01-01') to ('2021-01-01');
    create table call_2026 partition of call for values from ('2026-01-01') to ('2027-01-01');
    create table paid (id int, at date, foreign key (id, at) references visit);
    reset role;
    create materialized view seen as select * from other;
    """
)
"""Two tables whose rows end, and two whose partitions are made and end; `paid` references the partitions of one."""


@pytest.fixture
def house(database: str, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(waits, "PATIENCE", timedelta(seconds=0.4))
    monkeypatch.setattr(shut, "PATIENCE", timedelta(seconds=0.4))
    house = House(database)
    house.say(TABLES)
    rule = Partitioning.model_validate({"by": "at", "every": "year", "ahead": 1})
    both = dict.fromkeys(("visit", "call"), rule)
    house.policy = house.policy.model_copy(update={"partitions": both})
    house.promise(
        LOG,
        ("other", "90 days", "at", "delete"),
        *({"table": table, "after": "90 days", "do": "drop"} for table in both),
    )
    return house


@contextmanager
def held(house: House, table: str) -> Generator[None]:
    with psycopg.connect(house.admin) as owner:
        asked = sql.SQL("lock table only {} in access exclusive mode")
        owner.execute(asked.format(sql.Identifier(table)))
        yield


@contextmanager
def waited_for(house: House, table: str) -> Generator[None]:
    """Let somebody read the table for long, and a migration wait behind him."""
    name = sql.Identifier(table)
    asked = sql.SQL("lock table only {} in access exclusive mode").format(name)
    with psycopg.connect(house.admin) as reader, psycopg.connect(house.admin) as owner:
        reader.execute(sql.SQL("select from only {} limit 1").format(name))
        waiting = threading.Thread(target=owner.execute, args=(asked,))
        waiting.start()
        waits_now = "select from pg_locks where mode = 'AccessExclusiveLock' and not granted"
        wait_until(lambda: house.ask(waits_now))
        yield
        reader.rollback()
        waiting.join()


def made(house: House) -> Outcome:
    claim = house.claim(PROMISE.job)
    try:
        return keep(PROMISE, house.system(), claim, NOW)
    finally:
        house.end(claim)


def there(house: House) -> set[str]:
    return {name for (name,) in house.ask("select relname from pg_class where relkind = 'r'")}


@pytest.mark.parametrize("shut_by", [held, waited_for])
@pytest.mark.parametrize("table", ["visit", "visit_2020"])
def test_no_other_tables_partitions_wait_for_one_that_is_shut(
    house: House, table: str, shut_by: ShutBy
) -> None:
    with shut_by(house, table):
        outcome = made(house)
    assert outcome.verdict is Verdict.FAIL
    [failure] = outcome.failures
    assert (failure.target, failure.what) == (
        "visit",
        "nothing is made for it: another session has it, or a partition of it, for itself",
    )
    assert "AccessExclusiveLock" in failure.hint
    assert {one["place"] for one in unseen(outcome)} >= {"table visit", "leaf visit_2020"}
    assert not any("call" in one["place"] for one in unseen(outcome) if "hole" not in one["place"])
    assert there(house) >= {"call_2027"}
    assert "visit_2027" not in there(house)
    made(house)
    assert there(house) >= {"visit_2027"}


@pytest.mark.parametrize("shut_by", [held, waited_for])
@pytest.mark.parametrize("table", ["visit", "visit_2020", "paid"])
def test_no_other_rule_waits_for_a_table_that_is_shut(
    house: House, table: str, shut_by: ShutBy
) -> None:
    with shut_by(house, table):
        outcome = house.run()
    assert outcome.verdict is Verdict.FAIL
    assert {failure.target for failure in outcome.failures} == {"visit_2020"}
    assert (outcome.counts["deleted"], outcome.counts["taken off"]) == (1001, 1)
    [failure] = outcome.failures
    assert table in failure.what
    outcome = house.run()
    assert outcome.failures == ()
    assert outcome.counts["taken off"] == 1


def test_the_copies_of_other_tables_are_found_while_one_is_shut(house: House) -> None:
    house.say("create view plain as select * from other")
    with held(house, "other"):
        outcome = house.run()
    assert (outcome.verdict, outcome.failures) == (Verdict.UNVERIFIED, ())
    assert [(one["place"], one["why"]) for one in unseen(outcome)] == [
        (
            "copy materialised view seen",
            "retention ends the rows and values of the table itself, and does not reach into its copies yet",
        ),
        ("leaf other", "another session has other for itself"),
    ]
    assert outcome.counts["deleted"] == 1000
