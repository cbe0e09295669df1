"""Partitions whose key holds a time as a number or a UUIDv7 end as those do whose key is a date."""

from datetime import date, timedelta
from typing import Any

import pytest

from lifecycle.outcome import Verdict
from lifecycle.partitions.rule import Partitioning
from retention import judge
from tests.house import NOW, OWNER, House

LATER = NOW + timedelta(days=20)
MILLISECONDS = "(extract(epoch from {}::timestamptz) * 1000)::bigint"
OF_VERSION = "(lpad(to_hex((extract(epoch from {}::timestamptz) * 1000)::bigint), 12, '0') || '{}aaa80000000000000a1')::uuid"
BOUND = OF_VERSION.replace("{}aaa80000000000000a1", "00000000000000000000")
KEYS = [
    ("integer", "seconds", "extract(epoch from {}::timestamptz)::int", ""),
    ("bigint", "milliseconds", MILLISECONDS, ""),
    ("bigint", "nanoseconds", MILLISECONDS.replace("1000", "1000000000"), ""),
    ("uuid", "uuidv7", OF_VERSION.format("{}", "7"), BOUND),
]
# Two years before NOW, 2026-11-21, lie within log_2024.
YEARS = (2022, 2023, 2024, 2025)
RULE = {"table": "log", "after": "2 years", "do": "drop", "because": "nobody asks for it any more"}
PARTITIONED = {"by": "at", "every": "year", "ahead": 1}


@pytest.fixture
def house(ledger: str) -> House:
    return House(ledger)


def made(house: House, kind: str, holds: str, encode: str, bound: str = "", more: str = "") -> None:
    """Make `log` with ten rows in each year, a rule that drops its partitions, and say how the key holds a time."""
    house.say(f"{OWNER} create table log (at {kind} primary key) partition by range (at);")
    for year in YEARS:
        first, last = (
            house.ask(f"select ({(bound or encode).format(repr(f'{of}-01-01Z'))})::text")[0][0]
            for of in (year, year + 1)
        )
        house.say(
            f"create table log_{year} partition of log for values from ('{first}') to ('{last}')"
        )
        house.say(f"alter table log_{year} owner to house_owner")
        at = encode.format(f"(timestamptz '{year}-03-01Z' + n * interval '1 day')")
        house.say(f"insert into log select {at} from generate_series(1, 10) n")
    house.say(more + "analyze log")
    promise(house, PARTITIONED | {"holds": holds})


def promise(house: House, partitioned: dict[str, Any], rule: dict[str, Any] = RULE) -> None:
    known = {"log": Partitioning.model_validate(partitioned)}
    house.policy = house.policy.model_copy(update={"partitions": known})
    house.promise(rule)


def attached(house: House) -> list[str]:
    return [
        name
        for (name,) in house.ask(
            "select inhrelid::regclass::text from pg_inherits where inhparent = 'log'::regclass order by 1"
        )
    ]


@pytest.mark.parametrize(("kind", "holds", "encode", "bound"), KEYS, ids=[k[1] for k in KEYS])
def test_what_is_over_is_taken_off_and_dropped_and_the_rest_is_counted(
    house: House, kind: str, holds: str, encode: str, bound: str
) -> None:
    made(house, kind, holds, encode, bound)
    plan = house.plan()
    assert [f"{step.verb} {step.target}" for step in plan.decision.steps] == [
        "detach partition log_2022",
        "detach partition log_2023",
    ]
    assert "10 rows" in plan.decision.steps[0].cost
    assert plan.decision.notes == (
        "partitions of log: 10 overdue rows of log_2024 end with their partition on 2027-01-01",
    )
    [row] = judge.status(house.system(), NOW).rows
    assert row[4:6] == (20, date(2022, 3, 2))
    outcome = house.run(shown=plan)
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ())
    assert attached(house) == ["log_2024", "log_2025"]
    house.say("update lifecycle.detached set drop_not_before = now() - interval '1 s'")
    outcome = house.run(LATER)
    assert (outcome.verdict, outcome.counts["dropped"]) == (Verdict.PASS, 2)
    assert house.number("select count(*) from log") == 20


def test_a_partition_with_keys_that_tell_no_time_stays_whole_and_is_named(house: House) -> None:
    _, holds, encode, bound = KEYS[3]
    odd = OF_VERSION.format("'2022-05-01Z'", "4")
    made(house, "uuid", holds, encode, bound, f"insert into log values ({odd});")
    outcome = house.run()
    assert outcome.verdict is Verdict.FAIL
    assert "log_2022: it stays whole: 1 row in it tells no time" in "; ".join(
        f"{failure.target}: {failure.what}" for failure in outcome.failures
    )
    assert attached(house) == ["log_2022", "log_2024", "log_2025"]
    assert outcome.counts["without a date"] == 1


def test_a_partition_with_rows_of_no_date_stays_whole_too(house: House) -> None:
    house.say(f"""
        {OWNER} create table log (at date primary key) partition by range (at);
        create table log_old partition of log for values from (minvalue) to ('2023-01-01');
        insert into log values ('-infinity'), ('2022-01-01');
    """)
    promise(house, PARTITIONED)
    outcome = house.run()
    assert (outcome.verdict, attached(house)) == (Verdict.FAIL, ["log_old"])
    assert house.number("select count(*) from log") == 2


def test_a_bound_that_is_no_moment_stops_its_rule_alone(house: House) -> None:
    _, holds, encode, bound = KEYS[3]
    made(house, "uuid", holds, encode, bound)
    house.say(f"""
        create table log_odd partition of log for values
            from ('{bytes(8).hex()}{"0" * 16}') to ('{bytes(8).hex()}{"0" * 15}1');
        alter table log_odd owner to house_owner;
    """)
    outcome = house.run()
    assert outcome.verdict is Verdict.FAIL
    assert "a partition of it has a bound that is no moment" in str(outcome.failures)
    assert len(attached(house)) == 5


def test_without_a_word_on_what_the_key_holds_nothing_ends(house: House) -> None:
    made(house, *KEYS[1][:3])
    house.policy = house.policy.model_copy(update={"partitions": {}})
    outcome = house.run()
    assert outcome.verdict is Verdict.FAIL
    assert "the rule counts from at, which is no date or timestamp of it" in str(outcome.failures)
    assert len(attached(house)) == 4


def test_a_unit_that_would_end_all_of_a_table_is_refused(house: House) -> None:
    made(house, *KEYS[1][:3])
    promise(house, PARTITIONED | {"holds": "microseconds"})
    outcome = house.run()
    assert "does its key hold microseconds?" in str(outcome.failures)
    assert len(attached(house)) == 4


def test_another_unit_ends_nothing_before_a_person_has_seen_it(house: House) -> None:
    made(house, *KEYS[1][:3])
    assert house.run().verdict is Verdict.PASS
    house.say("update lifecycle.detached set drop_not_before = now() - interval '1 s'")
    first, last = (f"{year * 31_556_952_000_000}" for year in (60, 61))
    house.say(f"create table log_far partition of log for values from ({first}) to ({last})")
    house.say("alter table log_far owner to house_owner")
    promise(house, PARTITIONED | {"holds": "microseconds"})
    outcome = house.run(LATER)
    assert "a person has to see that first" in str(outcome.failures)
    assert (outcome.counts["taken off"], outcome.counts["dropped"]) == (0, 0)


def test_a_row_without_a_time_that_comes_while_the_partition_is_taken_off_keeps_it(
    house: House,
) -> None:
    _, holds, encode, bound = KEYS[3]
    made(house, "uuid", holds, encode, bound)
    assert house.run().counts["taken off"] == 2
    odd = OF_VERSION.format("'2022-05-01Z'", "4")
    # As if it had committed between the look and the detach: nobody else's rows are newer than that.
    house.say(f"insert into log_2022 values ({odd})")
    house.say(
        "update lifecycle.detached set drop_not_before = now() - interval '1 s', snapshot = pg_current_snapshot()"
    )
    outcome = house.run(LATER)
    assert [(f.target, f.what) for f in outcome.failures] == [
        (
            "log_2022",
            "it is not dropped: 1 row in it tells no time, so nobody knows whether it is over",
        )
    ]
    assert house.number("select count(*) from log_2022") == 11


@pytest.mark.parametrize("do", ["drop", "delete"])
def test_samples_of_what_is_partitioned_again_stop_no_run(house: House, do: str) -> None:
    house.say(f"""
        {OWNER} create table log (at date not null, land text) partition by range (at);
        create table log_2022 partition of log for values from ('2022-01-01') to ('2023-01-01')
            partition by list (land);
        create table log_2022_de partition of log_2022 for values in ('DE');
        create table log_2026 partition of log for values from ('2026-01-01') to ('2027-01-01');
        insert into log select date '2022-05-05', 'DE' from generate_series(1, 50);
        insert into log select date '2026-11-05', 'DE' from generate_series(1, 50);
        analyze log;
    """)
    promise(house, PARTITIONED, RULE | {"do": do})
    outcome = house.run()
    assert outcome.failures == ()
    assert outcome.counts["overdue"] == 0


def test_what_was_taken_off_to_be_archived_is_not_dropped_without_before_a_person_has_seen_it(
    house: House,
) -> None:
    house.say(f"""
        {OWNER} create table log (at date primary key) partition by range (at);
        create table log_2022 partition of log for values from ('2022-01-01') to ('2023-01-01');
        create table log_2026 partition of log for values from ('2026-01-01') to ('2027-01-01');
        insert into log values ('2022-05-05'), ('2026-05-05');
    """)
    promise(house, PARTITIONED, RULE | {"archive": True})
    assert house.run().counts["taken off"] == 1
    promise(house, PARTITIONED)
    house.say("update lifecycle.detached set drop_not_before = now() - interval '1 s'")
    outcome = house.run(LATER)
    assert "a person has to see that first" in str(outcome.failures)
    assert house.number("select count(*) from log_2022") == 1
