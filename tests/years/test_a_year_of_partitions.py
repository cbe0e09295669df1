"""A year of nights, the clock as an argument: partitions are there before rows, end on their day, and none is lost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifecycle.outcome import Verdict
from lifecycle.partitions.promise import PROMISE as CREATE
from lifecycle.partitions.rule import Partitioning
from tests.archiving import Archiving
from tests.house import OWNER
from tests.keep import keep

BEATS = """
    create table beats (id bigint generated always as identity, at timestamptz not null, primary key (id, at))
        partition by range (at);
"""
FIRST = datetime(2027, 10, 1, 2, 30, tzinfo=UTC)
NIGHTS = 440
AWAY = {(FIRST + timedelta(days=n)).date() for n in (150, 151, 152)}
"""Three nights without a daemon."""


@pytest.fixture
def house(database: str, outside: tuple[str, str], tmp_path: Any) -> Archiving:
    return Archiving(database, outside[0], tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_over_a_year_with_both_changes_of_clocks_and_a_leap_day_every_row_is_there_or_archived(
    house: Archiving,
) -> None:
    """Scenarios 4, 19 and 20. In Berlin, so that the grid's months do not begin at midnight UTC."""
    house.say(OWNER + BEATS)
    monthly = Partitioning.model_validate({"by": "at", "every": "month", "ahead": 2})
    house.policy = house.policy.model_copy(update={"partitions": {"beats": monthly}})
    rule = {"table": "beats", "after": "90 days", "do": "drop", "grace": "7 days", "archive": True}
    house.promise(rule, zone="Europe/Berlin")
    put = archived = 0
    for night in range(NIGHTS):
        now = FIRST + timedelta(days=night)
        eventful = now.day in (1, 2, 9, 29, 31) or (now.month in (3, 10) and now.day > 24)
        if now.date() in AWAY or not (eventful or night < 3):
            continue
        claim = house.claim()
        made = keep(CREATE, house.system(), claim, now)
        house.end(claim)
        assert (made.verdict, made.failures) == (Verdict.PASS, ()), now
        house.say(f"insert into beats (at) values ('{now}'), ('{now + timedelta(days=20)}')")
        put += 2
        # The ledger's grace is by the database's own clock: let it be over when ours is.
        house.say(
            "update lifecycle.detached set drop_not_before = now() - interval '1 s'"
            f" where ended_at is null and bound < 'FOR VALUES FROM (''{now - timedelta(days=135)}'"
        )
        ended = house.run(now)
        assert (ended.verdict, ended.failures, ended.counts["overdue"]) == (Verdict.PASS, (), 0), (
            now
        )
        left = house.number("select count(*) from beats")
        alone = sum(house.number(f"select count(*) from {name}") for name in standing(house))
        archived = sum(one.description.content.rows for one in house.archives())
        assert left + alone + archived == put, now
        oldest = house.ask("select min(at) from beats")[0][0]
        assert oldest is None or oldest > now - timedelta(days=90 + 31 + 2), now
    assert archived > 60
    assert house.number("select count(*) from lifecycle.detached where ended = 'dropped'") >= 9


def standing(house: Archiving) -> list[str]:
    return [
        name for (name,) in house.ask("select name from lifecycle.detached where ended_at is null")
    ]
