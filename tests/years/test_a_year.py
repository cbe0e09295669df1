"""A leap year, day by day, with both changes of the clock and three days on which nothing ran.

Every day rows come, the partitions are made and what has ended goes. A model in Python that knows no SQL says what must be
there in the evening: each row whose time is not over, and no other.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from time import sleep
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from lifecycle.admin import install
from lifecycle.outcome import Outcome, Verdict
from lifecycle.partitions.promise import PROMISE as MAKES
from lifecycle.partitions.rule import Partitioning
from lifecycle.postgres import catalog
from lifecycle.promise import Promise
from retention.promise import PROMISE as ENDS
from tests.house import OWNER, House
from tests.keep import keep

BERLIN = ZoneInfo("Europe/Berlin")
BEGINS, DAYS = date(2028, 1, 1), 366
AWAY = (date(2028, 8, 30), date(2028, 9, 1))
"""Nothing runs from the first of these days to the last, over the end of a month."""

TABLES = (
    OWNER
    + """
    create table events (id bigint not null, at timestamptz not null) partition by range (at);
    create table log (id bigint primary key, at timestamp not null);
    create table talks (id bigint primary key, until timestamptz not null);
    create table answers (id bigint primary key, day date not null, raw text default 'raw');
    reset role;
"""
)


class Year:
    """The house over the year, and what a model of it has."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.moments: list[datetime] = []

    def days(self) -> Iterator[date]:
        return (BEGINS + timedelta(days=n) for n in range(DAYS))

    def come(self, day: date) -> None:
        """Let rows of this day come, one for each of its hours: 23, 24 or 25."""
        first = datetime.combine(day, time(), BERLIN).astimezone(UTC)
        after = datetime.combine(day + timedelta(days=1), time(), BERLIN).astimezone(UTC)
        hours = [
            first + timedelta(hours=n) for n in range(int((after - first) / timedelta(hours=1)))
        ]
        number = len(self.moments)
        self.moments += hours
        rows = [(number + n, at) for n, at in enumerate(hours)]
        with psycopg.connect(self.house.admin, autocommit=True) as conn, conn.cursor() as cursor:
            cursor.execute("set timezone to 'UTC'")
            cursor.executemany("insert into events values (%s, %s)", rows)
            cursor.executemany(
                "insert into log values (%s, %s)", [(n, at.replace(tzinfo=None)) for n, at in rows]
            )
            cursor.executemany(
                "insert into talks values (%s, %s)", [(n, at + timedelta(days=7)) for n, at in rows]
            )
            cursor.executemany(
                "insert into answers (id, day) values (%s, %s)", [(n, day) for n, _ in rows]
            )

    def run(self, promise: "Promise[Any, Any, Any]", now: datetime) -> Outcome:
        claim = self.house.claim(promise.job)
        outcome = keep(promise, self.house.system(), claim, now)
        self.house.end(claim, outcome)
        return outcome

    def there(self) -> dict[str, Counter[int]]:
        tables = {"events": "true", "log": "true", "talks": "true", "answers": "raw is not null"}
        return {
            table: Counter(n for (n,) in self.house.ask(f"select id from {table} where {where}"))
            for table, where in tables.items()
        }

    def must_be_there(self, day: date) -> dict[str, Counter[int]]:
        """Return what a day's evening has, by the rules as a person reads them."""
        # The log is kept 30 days and written in UTC; events a month of the calendar, whole months at a time; a talk until
        # it says; of an answer its raw text 10 days.
        utc = datetime.combine(day, time(), UTC) - timedelta(days=30)
        return {
            "events": Counter(n for n, at in enumerate(self.moments) if not month_is_over(at, day)),
            "log": Counter(n for n, at in enumerate(self.moments) if at >= utc),
            "talks": Counter(
                n for n, at in enumerate(self.moments) if at + timedelta(days=7) >= self.night(day)
            ),
            "answers": Counter(
                n
                for n, at in enumerate(self.moments)
                if at.astimezone(BERLIN).date() >= day - timedelta(days=10)
            ),
        }

    @staticmethod
    def night(day: date) -> datetime:
        """Return when the jobs of a day run: 03:00 in Berlin, which is there once on each day of the year."""
        return datetime.combine(day, time(3), BERLIN).astimezone(UTC)


def month_is_over(at: datetime, day: date) -> bool:
    """Say whether a month has gone by since the end of the month in which something was, in Berlin."""
    was = at.astimezone(BERLIN)
    after = (was.year * 12 + was.month) + 1  # months since year 0 that begin a month after its end
    return day.year * 12 + day.month - 1 >= after


@pytest.fixture
def year(database: str) -> Year:
    house = House(database)
    house.say(TABLES)
    house.promise(
        ({"table": "events", "after": "1 month", "do": "drop", "grace": "1 second"}),
        ({"table": "log", "after": "30 days", "by": "at", "zone": "UTC", "do": "delete"}),
        ({"table": "talks", "expires": "until", "do": "delete"}),
        ({"table": "answers.raw", "after": "10 days", "by": "day", "do": "clear"}),
        zone="Europe/Berlin",
    )
    update = {
        "partitions": {
            "events": Partitioning.model_validate({"by": "at", "every": "month", "ahead": 2})
        },
        "limits": house.policy.limits.model_copy(
            update={"floor": house.policy.limits.floor.parse("1 day")}
        ),
    }
    house.policy = house.policy.model_copy(update=update)
    with psycopg.connect(database, autocommit=True) as conn:
        install.install(conn, house.policy, catalog.read(conn), None)
    return Year(house)


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_on_every_day_of_a_leap_year_what_is_promised_is_there_and_nothing_else(year: Year) -> None:
    away = 0
    for day in year.days():
        if AWAY[0] <= day <= AWAY[1]:
            away += 1
            year.come(day)  # the partitions are there: they were made ahead
            continue
        now = year.night(day)
        for promise in (MAKES, ENDS):
            outcome = year.run(promise, now)
            assert outcome.verdict is Verdict.PASS, (
                day,
                promise.job,
                outcome.failures,
                outcome.coverage["unseen"],
            )
            if outcome.counts.get("taken off"):
                sleep(1.1)  # its grace is of the database's own clock, which no argument moves
        year.come(day)
        wanted, there = year.must_be_there(day), year.there()
        for table in wanted:
            assert there[table] == wanted[table], (
                day,
                table,
                there[table] - wanted[table],
                wanted[table] - there[table],
            )
    assert away == 3
