"""A server with places for few locks: each partition ends in a transaction of its own, and what cannot be read is said."""

from collections.abc import Generator

import psycopg
import pytest

from lifecycle.outcome import Verdict
from lifecycle.postgres import server
from lifecycle.postgres.server import Cluster
from tests.database.test_retention_partitions import LATER, RULE, attached, over, told
from tests.house import OWNER, House

TABLE = "create table log (id int, at date not null, primary key (id, at)) partition by range (at);"
ONE = "create table log_{0} partition of log for values from ('{1}-01-01') to ('{2}-01-01');"
FEW = {"max_connections": "15", "max_locks_per_transaction": "10"}


@pytest.fixture(scope="module")
def small() -> Generator[Cluster]:
    """It has places for about 300 locks, those of other sessions among them."""
    with server.temporary(server.find_binaries(), settings=FEW) as made:
        yield made


def years(small: Cluster, first: int) -> House:
    """Return a house with a partition for each year from the first to 2026, in a database of its own."""
    name = f"from_{first}"
    with psycopg.connect(small.dsn("postgres"), autocommit=True) as conn:
        conn.execute(f"create database {name}".encode())
    house = House(small.dsn(name))
    house.say(OWNER + TABLE)
    for begin in range(first, 2027, 40):
        some = range(begin, min(begin + 40, 2027))
        house.say("set role house_owner;" + "".join(ONE.format(y, y, y + 1) for y in some))
    house.say(f"insert into log values (1, '{first}-05-05'), (2, '2026-05-05')")
    house.promise(RULE)
    return house


def test_as_many_end_as_are_over_each_in_its_own_transaction(small: Cluster) -> None:
    """Scenario 25: all of them in one transaction have no place."""
    house = years(small, 1860)
    with psycopg.connect(house.admin) as conn, pytest.raises(psycopg.errors.OutOfMemory):
        conn.execute("drop table log")
    assert house.run(shown=house.plan()).verdict is Verdict.PASS
    over(house)
    outcome = house.run(LATER, house.plan(LATER))
    assert (outcome.verdict, outcome.counts["dropped"]) == (Verdict.PASS, 164), told(outcome)
    assert attached(house) == ["log_2024", "log_2025", "log_2026"]


def test_a_table_with_more_partitions_than_locks_is_unread_and_says_which_setting_is_too_small(
    small: Cluster,
) -> None:
    house = years(small, 1500)
    outcome = house.run()
    assert outcome.verdict is Verdict.FAIL
    unseen = str(outcome.coverage["unseen"])
    assert "no place for one more lock" in unseen
    assert "raise max_locks_per_transaction" in unseen
    assert house.number("select count(*) from pg_inherits where inhparent = 'log'::regclass") == 527
