"""What will end is foretold by the month, and is what then ends; monitors know what the last run counted."""

from datetime import UTC, date, datetime

import psycopg
import pytest

from lifecycle.config.span import Span
from lifecycle.errors import NotFound
from retention import figures, forecast
from retention.forecast import Ending
from retention.promise import PROMISE
from tests.house import LOG, NOW, ROLE, House
from tests.keep import keep

LATER = datetime(2027, 2, 1, 12, tzinfo=UTC)


@pytest.fixture
def house(ledger: str) -> House:
    made = House(ledger)
    # One row a day from 2026-07-01 to 2026-11-21: with 90 days, those before 2026-08-23 are overdue.
    made.say(
        ROLE
        + """
        create table log (id int primary key, at timestamptz, value text default repeat('v', 1000));
        insert into log select n, timestamptz '2026-07-01 12:00Z' + n * interval '1 day' from generate_series(0, 143) n;
        insert into log values (900, null), (901, '-infinity');
        create table parts (id int, at date) partition by range (at);
        create table parts_a partition of parts for values from ('2026-01-01') to ('2026-02-01');
        create table parts_b partition of parts for values from ('2026-09-01') to ('2026-10-01');
        create table parts_c partition of parts for values from ('2026-10-01') to (maxvalue);
        insert into parts select n, date '2026-09-01' + n from generate_series(0, 39) n;
        insert into parts values (1, '2026-01-05');
        alter table parts owner to house_owner;
        alter table parts_a owner to house_owner;
        alter table parts_b owner to house_owner;
        alter table parts_c owner to house_owner;
        analyze;
    """
    )
    return made


def said(house: House, months: int = 6, **more: object) -> list[tuple[str, str, int]]:
    found = forecast.forecast(house.system(), NOW, months, **more)  # pyright: ignore[reportArgumentType]
    assert found.failures == ()
    return [(one.month, one.rule, one.rows) for one in found.endings]


def test_rows_are_foretold_in_the_month_in_which_they_end(house: House) -> None:
    house.promise(LOG)
    # The row of 2026-09-01 is 90 days old from midnight of 2026-12-01 on.
    assert said(house) == [
        ("now", "log", 53),
        ("2026-11", "log", 9),
        ("2026-12", "log", 31),
        ("2027-01", "log", 31),
        ("2027-02", "log", 20),
    ]
    assert said(house, 2) == [("now", "log", 53), ("2026-11", "log", 9), ("2026-12", "log", 31)][:3]


def test_what_is_foretold_for_now_is_what_a_run_ends_and_the_rest_ends_on_its_day(
    house: House,
) -> None:
    house.promise(LOG)
    foretold = {month: rows for month, _, rows in said(house)}
    assert house.run().counts["deleted"] == foretold["now"]
    assert said(house)[0][0] == "2026-11"
    later = house.run(LATER).counts["deleted"]
    assert later == sum(foretold[month] for month in ("2026-11", "2026-12", "2027-01")) + 1


def test_another_time_is_tried_without_a_word_in_the_policy(house: House) -> None:
    house.promise(LOG, ("parts", "1 year", None, "drop"))
    assert said(house, table="log", after=Span(30, "day"))[0] == ("now", "log", 113)
    assert house.number("select count(*) from log") == 146
    with pytest.raises(NotFound, match="no retention rule is about 'nothing'"):
        said(house, table="nothing", after=Span(30, "day"))


def test_a_time_below_the_floor_is_no_forecast(house: House) -> None:
    house.promise(LOG)
    found = forecast.forecast(house.system(), NOW, 2, "log", Span(1, "day"))
    assert found.endings == ()
    assert ["below the floor" in f.what for f in found.failures] == [True]


def test_partitions_end_whole_in_the_month_of_their_day_with_all_their_bytes(house: House) -> None:
    house.promise({"table": "parts", "after": "90 days", "do": "drop"})
    found = forecast.forecast(house.system(), NOW, 6)
    assert [(e.month, e.rows) for e in found.endings] == [("now", 1), ("2026-12", 30)]
    size = house.number("select pg_total_relation_size('parts_b')")
    assert found.endings[1] == Ending("2026-12", "partitions of parts", "drop", 30, size)


def test_bytes_are_about_what_the_rows_take_and_none_where_nobody_knows(house: House) -> None:
    house.promise(LOG)
    [now, *_] = forecast.forecast(house.system(), NOW, 2).endings
    assert now.size is not None
    assert 53 * 1000 < now.size < 53 * 3000
    house.say("create table fresh (like log including all); insert into fresh select * from log")
    house.promise(("fresh", "90 days", "at", "delete"))
    assert forecast.forecast(house.system(), NOW, 2).endings[0].size is None


def test_one_rule_that_cannot_be_counted_hides_no_other(house: House) -> None:
    house.say("create table mute (id int, at date); insert into mute values (1, '2020-01-01')")
    house.promise(LOG, ("mute", "90 days", "at", "delete"))
    house.say("revoke select on mute from lifecycle")
    found = forecast.forecast(house.system(), NOW, 2)
    assert [f.target for f in found.failures] == ["mute"]
    assert found.endings[0].rows == 53


def test_monitors_know_what_the_last_run_over_all_rules_counted(house: House) -> None:
    house.promise(LOG)
    system = house.system()

    def told() -> dict[str, object]:
        with system.snapshot("test") as conn:
            return {value.name: value.value for value in figures.read(system, conn, NOW)}

    assert told() == {}
    with psycopg.connect(house.admin) as conn:
        conn.execute("select from log where id = 0 for update")
        claim_and_finish(house)
    found = told()
    assert found.pop("retention_counted_timestamp_seconds")
    assert found == {
        "retention_rows_overdue": 1,
        "retention_rows_on_hold": 0,
        "retention_rows_without_a_date": 2,
        "retention_partitions_to_end": 0,
    }


def claim_and_finish(house: House) -> None:
    """Run it, and write down how it ended, as a worker does."""
    claim = house.claim()
    house.end(claim, keep(PROMISE, house.system(), claim, NOW))


def test_the_status_says_from_which_day_the_oldest_overdue_row_is(house: House) -> None:
    house.promise(LOG, ("parts", "10 years", "at", "delete"))
    listing = PROMISE.status(house.system(), NOW)
    column = listing.columns.index("oldest")
    assert [(row[0], row[column]) for row in listing.rows] == [
        ("log", date(2026, 7, 1)),
        ("parts", None),
    ]
