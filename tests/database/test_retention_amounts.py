"""Partitions that end by their number or by the size of their table, and those that a row of them keeps."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifecycle.config.mistake import dotted
from lifecycle.holds.hold import What
from lifecycle.outcome import Verdict
from lifecycle.partitions import take_off
from lifecycle.partitions.ends import Done
from lifecycle.partitions.promise import PROMISE as CREATE
from lifecycle.partitions.rule import Partitioning
from lifecycle.partitions.section import SECTION as PARTITIONS
from lifecycle.policy.look import Look
from lifecycle.policy.model import Floor, Limits
from lifecycle.postgres import catalog
from retention import forecast
from retention.judge import status
from retention.section import SECTION as RETENTION
from tests.database.test_retention_partitions import attached, hold, over, there, told, verbs
from tests.house import NOW, OWNER, House
from tests.keep import keep

# The months of 2026, of which NOW is in November, and the next one; every month has a megabyte, but for the last two.
LOG = """
    create table log (at date not null, who int, state text, filler text) partition by range (at);
    do $$ begin for n in 1..12 loop execute format(
        'create table log_%s partition of log for values from (%L) to (%L)', to_char(n, 'FM00'),
        make_date(2026, n, 1), (make_date(2026, n, 1) + interval '1 month')::date); end loop; end $$;
    alter table log alter filler set storage external;
    insert into log select make_date(2026, n, 2), n % 3, 'done', repeat('x', 1000000) from generate_series(1, 10) n;
"""
RULE: dict[str, Any] = {"table": "log", "do": "drop", "because": "it is a log of devices"}
NEWEST: dict[str, Any] = RULE | {"newest": 6}
SIZE: dict[str, Any] = RULE | {"size": "6 MB"}


@pytest.fixture
def house(ledger: str) -> House:
    made = House(ledger)
    made.say(OWNER + LOG)
    return made


def promise(house: House, *rules: dict[str, Any], **limits: Any) -> None:
    house.promise(*rules)
    said = Limits(partitions_per_run=10, **limits)
    house.policy = house.policy.model_copy(update={"limits": said})


def monthly(house: House) -> None:
    rule = Partitioning.model_validate({"by": "at", "every": "month", "ahead": 1})
    house.policy = house.policy.model_copy(update={"partitions": {"log": rule}})


def months(house: House) -> list[str]:
    return [name.removeprefix("log_") for name in attached(house)]


def test_the_newest_that_have_begun_stay_and_the_others_end_with_their_grace(house: House) -> None:
    promise(house, NEWEST)
    plan = house.plan()
    assert verbs(plan) == [f"detach partition log_{n:02}" for n in range(1, 6)]
    assert "it ends once 6 newer partitions have begun" in plan.decision.steps[0].reason
    outcome = house.run()
    assert (outcome.verdict, told(outcome), outcome.counts["taken off"]) == (Verdict.PASS, "", 5)
    assert months(house) == ["06", "07", "08", "09", "10", "11", "12"]
    over(house)
    outcome = house.run(NOW + timedelta(days=8))
    assert (outcome.verdict, told(outcome), outcome.counts["dropped"]) == (Verdict.PASS, "", 5)
    assert not there(house, "log_01")
    december = datetime(2026, 12, 1, tzinfo=UTC)
    assert [step.target for step in house.plan(december).decision.steps] == ["log_06"]
    assert house.plan(december - timedelta(seconds=1)).decision.steps == ()


def test_what_comes_and_a_hole_between_them_count_for_nothing(house: House) -> None:
    house.say("drop table log_08; drop table log_12")
    house.say(
        "set role house_owner; create table log_far partition of log"
        " for values from ('2030-01-01') to ('2031-01-01')"
    )
    promise(house, NEWEST)
    assert [step.target[4:] for step in house.plan().decision.steps] == ["01", "02", "03", "04"]


def test_one_over_the_number_is_overdue_also_without_a_row(house: House) -> None:
    promise(house, NEWEST)
    house.say("delete from log where at < '2026-03-01'")
    row = next(row for row in status(house.system(), NOW).rows if row[0] == "partitions of log")
    assert row[2] == "once 6 newer partitions have begun"
    assert (row[4], row[-1]) == (3, "5 partitions too many")
    house.policy = house.policy.model_copy(update={"limits": Limits(partitions_per_run=2)})
    outcome = house.run()
    assert (outcome.verdict, outcome.counts["partitions to end"]) == (Verdict.FAIL, 5)
    assert "5 partitions would be taken off, and an unattended run may do that to 2" in told(
        outcome
    )


def test_a_run_that_takes_nothing_off_is_found_out_also_where_no_row_is_overdue(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object) -> Done:
        return Done((), ())

    house.say("delete from log")
    promise(house, NEWEST)
    monkeypatch.setattr(take_off, "carry_out", nothing)
    outcome = house.run()
    assert outcome.verdict is Verdict.FAIL
    assert "partitions of log: log_01 was to end, and stands without a row" in told(outcome)
    assert (outcome.counts["overdue"], outcome.counts["partitions to end"]) == (0, 5)
    monkeypatch.undo()
    assert house.run().verdict is Verdict.PASS


def test_by_size_the_oldest_go_until_the_table_is_small_enough_and_what_is_off_still_weighs(
    house: House,
) -> None:
    promise(house, SIZE)
    plan = house.plan()
    assert verbs(plan) == [f"detach partition log_{n:02}" for n in range(1, 6)]
    assert "while the table is larger than 6 MB, the oldest first" in plan.decision.steps[0].reason
    outcome = house.run()
    assert (outcome.verdict, told(outcome), outcome.counts["taken off"]) == (Verdict.PASS, "", 5)
    assert house.plan().decision.steps == ()
    over(house)
    outcome = house.run(NOW + timedelta(days=8))
    assert (outcome.verdict, told(outcome), outcome.counts["dropped"]) == (Verdict.PASS, "", 5)
    assert months(house)[0] == "06"
    [row] = status(house.system(), NOW).rows
    assert (row[3], row[4]) == ("", 0)


def test_a_size_that_was_made_larger_drops_nothing_that_stands_alone(house: House) -> None:
    promise(house, SIZE)
    house.run()
    over(house)
    promise(house, SIZE | {"size": "40 MB"})
    outcome = house.run(NOW + timedelta(days=8))
    assert "log_01: it was taken off log, and no rule ends it any more" in told(outcome)
    assert there(house, "log_01")


@pytest.mark.parametrize("rule", [RULE | {"newest": 2}, RULE | {"size": "1 MB"}])
def test_nothing_within_a_floor_ends_by_number_or_size(house: House, rule: dict[str, Any]) -> None:
    books = Floor.model_validate({"tables": ("log",), "least": "4 months", "because": "AO 147"})
    promise(house, RULE | {"newest": 6})
    house.policy = house.policy.model_copy(update={"retention": (), "limits": Limits()})
    promise(house, rule)
    limits = Limits(partitions_per_run=10, floors={"books": books})
    house.policy = house.policy.model_copy(update={"limits": limits})
    outcome = house.run()
    assert outcome.verdict is Verdict.FAIL
    assert "is below the floor of books, 4 months (AO 147)" in told(outcome)
    assert len(attached(house)) == 12
    house.policy = house.policy.model_copy(update={"limits": Limits(partitions_per_run=10)})
    outcome = house.run(shown=house.plan())
    assert months(house)[0] == "10"  # the floor of all tables: 30 days before 21 November
    if "size" in rule:
        assert " MB, and 1 MB are promised: nothing that may end is left" in told(outcome)
        assert outcome.verdict is Verdict.FAIL
    else:
        assert outcome.verdict is Verdict.PASS


def test_a_hold_keeps_one_whole_and_nothing_younger_goes_in_its_place(house: House) -> None:
    promise(house, SIZE)
    hold(
        house,
        What(
            "span",
            table="log",
            column="at",
            since=datetime(2026, 2, 1, tzinfo=UTC),
            before=datetime(2026, 3, 1, tzinfo=UTC),
        ),
    )
    outcome = house.run()
    assert (outcome.verdict, told(outcome)) == (Verdict.PASS, "")
    assert months(house) == ["02", "06", "07", "08", "09", "10", "11", "12"]
    assert outcome.counts["on hold"] == 1


def test_one_with_a_row_that_the_rule_speaks_of_stays_until_it_has_none(house: House) -> None:
    promise(house, NEWEST | {"unless": {"state": ("pending", "failed")}})
    house.say("update log set state = 'pending' where at = '2026-02-02'")
    plan = house.plan()
    assert [step.target for step in plan.decision.steps] == ["log_01", "log_03", "log_04", "log_05"]
    said = "partitions of log: log_02: 1 row of which the rule says: state is pending or failed, so it stays whole"
    assert said in plan.decision.notes
    assert "unless a row of it has: state is pending or failed" in plan.decision.steps[0].reason
    outcome = house.run()
    assert (outcome.verdict, told(outcome)) == (Verdict.PASS, "")
    assert (outcome.counts["overdue"], outcome.counts["partitions kept by unless"]) == (0, 1)
    house.say("update log set state = 'done' where at = '2026-02-02'")
    assert house.run().counts["taken off"] == 1


def test_a_row_that_came_to_be_so_while_it_stands_alone_keeps_it(house: House) -> None:
    promise(house, NEWEST)
    house.run()
    over(house)
    promise(house, NEWEST | {"unless": {"state": "done"}})
    outcome = house.run(NOW + timedelta(days=8), shown=house.plan(NOW + timedelta(days=8)))
    assert "log_01: it is not dropped: 1 row came to have what its rule says `unless` of" in told(
        outcome
    )
    assert there(house, "log_01")


@pytest.mark.parametrize(
    ("first", "then", "why"),
    [
        (NEWEST, NEWEST | {"newest": 5}, "its newest is smaller than when it was last kept"),
        (SIZE, SIZE | {"size": "5 MB"}, "its size is smaller than when it was last kept"),
        (NEWEST, SIZE, "it does something else"),
        (RULE | {"after": "90 days"}, NEWEST | {"newest": 3}, "it does something else"),
        (NEWEST | {"unless": {"state": "open"}}, NEWEST, "it does something else"),
    ],
)
def test_what_keeps_less_a_person_sees_first(
    house: House, first: dict[str, Any], then: dict[str, Any], why: str
) -> None:
    promise(house, first)
    assert house.run().verdict is Verdict.PASS
    left = months(house)
    house.say(
        "set role house_owner; create table log_old partition of log for values"
        " from ('2025-01-01') to ('2025-02-01')"
    )
    promise(house, then)
    outcome = house.run()
    assert outcome.verdict is Verdict.FAIL
    assert f"partitions of log: {why}" in told(outcome)
    assert months(house) == sorted([*left, "old"])
    assert house.run(shown=house.plan()).counts["taken off"] >= 1


def test_shorter_partitions_of_the_same_number_are_a_shorter_time(house: House) -> None:
    promise(house, NEWEST)
    monthly(house)
    assert house.run().verdict is Verdict.PASS
    house.say(
        "set role house_owner; create table log_old partition of log for values"
        " from ('2025-01-01') to ('2025-02-01')"
    )
    promise(house, NEWEST)
    weekly = Partitioning.model_validate({"by": "at", "every": "week", "ahead": 1})
    house.policy = house.policy.model_copy(update={"partitions": {"log": weekly}})
    assert "it does something else" in told(house.run())


def test_it_is_foretold_when_one_ends_by_its_number_and_of_a_size_only_what_ends_now(
    house: House,
) -> None:
    promise(house, NEWEST)
    monthly(house)
    found = forecast.forecast(house.system(), NOW, 4)
    assert [(one.month, one.rows) for one in found.endings] == [
        ("now", 5),
        ("2026-12", 1),
        ("2027-01", 1),
        ("2027-02", 1),
    ]
    assert house.plan(datetime(2027, 1, 1, tzinfo=UTC)).decision.steps[-1].target == "log_06"
    promise(house, SIZE)
    assert [(one.month, one.rows) for one in forecast.forecast(house.system(), NOW, 4).endings] == [
        ("now", 5)
    ]


def test_a_key_that_encodes_time_has_its_newest_too(house: House) -> None:
    house.say(
        OWNER
        + """
        create table beats (id bigint not null) partition by range (id);
        do $$ begin for n in 1..12 loop execute format(
            'create table beats_%s partition of beats for values from (%s) to (%s)', to_char(n, 'FM00'),
            extract(epoch from make_date(2026, n, 1)) * 1000,
            extract(epoch from make_date(2026, n, 1) + interval '1 month') * 1000); end loop; end $$;
        insert into beats select extract(epoch from make_date(2026, n, 2)) * 1000 from generate_series(1, 11) n;
    """
    )
    promise(house, {"table": "beats", "newest": 9, "do": "drop", "because": "x"})
    rule = {"by": "id", "holds": "milliseconds", "every": "month", "ahead": 1}
    known = {"beats": Partitioning.model_validate(rule)}
    house.policy = house.policy.model_copy(update={"partitions": known})
    assert [step.target for step in house.plan().decision.steps] == ["beats_01", "beats_02"]
    promise(house, {"table": "beats", "size": "1 MB", "do": "drop", "because": "x"})
    assert house.run().verdict is Verdict.PASS
    known = {"beats": Partitioning.model_validate(rule | {"holds": "nanoseconds"})}
    house.policy = house.policy.model_copy(update={"partitions": known})
    assert "all its partitions would lie in the past: does its key hold nanoseconds?" in told(
        house.run()
    )


def test_a_table_of_several_times_in_its_key_is_refused_by_its_name_and_stops_no_other(
    house: House,
) -> None:
    """By every room that would read its bounds."""
    house.say(
        OWNER
        + """
        create table pairs (at date not null, due date not null, state text) partition by range (at, due);
        create table pairs_1 partition of pairs for values from ('2020-01-01', minvalue) to ('2021-01-01', minvalue);
        insert into pairs values ('2020-05-05', '2020-06-05');
        """
    )
    promise(house, NEWEST, {"table": "pairs", "after": "1 year", "do": "drop", "because": "x"})
    outcome = house.run()
    assert (outcome.verdict, outcome.counts["taken off"]) == (Verdict.FAIL, 5)
    assert (
        "partitions of pairs: it is partitioned by an expression, or by columns of which not one"
        in told(outcome)
    )
    look = looked(house)
    assert (
        "retention[1].do: pairs is partitioned by an expression, or by columns of which not one"
        in look
    )
    monthly = Partitioning.model_validate({"by": "at", "every": "month", "ahead": 1})
    house.policy = house.policy.model_copy(update={"partitions": {"pairs": monthly}})
    assert "partitions.pairs.by: pairs is partitioned by range (several columns)" in looked(house)
    made = keep(CREATE, house.system(), house.claim(CREATE.job), NOW)
    assert "pairs: the table is partitioned by range of several columns" in told(made)
    promise(
        house, {"table": "pairs", "by": "at", "after": "1 year", "do": "delete", "because": "x"}
    )
    house.policy = house.policy.model_copy(update={"partitions": {}})
    assert house.run().counts["deleted"] == 1


def looked(house: House) -> str:
    """Return what the sections say of the policy as the database is."""
    with house.system().connect("test") as conn:
        look = Look(house.policy, catalog.read(conn), [], [])
    assert RETENTION.truth
    assert PARTITIONS.truth
    RETENTION.truth(RETENTION.of(house.policy), look)
    PARTITIONS.truth(PARTITIONS.of(house.policy), look)
    return "; ".join(f"{dotted(one.path)}: {one.what}" for one in look.mistakes)
