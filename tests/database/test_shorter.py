"""A rule that was made to end more than before ends nothing unattended, until a person has applied what it ends."""

from collections.abc import Iterator

import pytest

from lifecycle.outcome import Verdict
from tests.house import LOG, OWNER, PLAIN, ROWS, House, Rule

SHORTER = ("log", "30 days", "at", "delete")
MORE = "insert into log select n, '2026-09-01' from generate_series(5000, 5009) n"


@pytest.fixture
def house(ledger: str) -> Iterator[House]:
    made = House(ledger)
    made.say(PLAIN + ROWS + "alter table log add column made timestamptz, add column state text")
    made.promise(LOG)
    assert made.run().verdict is Verdict.PASS
    yield made


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (SHORTER, "its time is shorter than when it was last kept"),
        (
            {
                "table": "log",
                "after": "90 days",
                "by": "at",
                "do": "delete",
                "zone": "Asia/Kolkata",
            },
            "counts from",
        ),
        (
            {"table": "log", "after": "90 days", "by": "made", "do": "delete"},
            "counts from another moment",
        ),
        ({"table": "log", "expires": "at", "do": "delete"}, "counts from another moment"),
        (
            {
                "table": "log",
                "after": "30 days",
                "by": "at",
                "do": "delete",
                "where": {"state": "x"},
            },
            "other rows than the rule before it",
        ),
    ],
)
def test_what_a_changed_rule_ends_a_person_sees_first(house: House, rule: Rule, why: str) -> None:
    house.say(MORE + "; update log set made = '2020-01-01', state = 'x' where at < '2026-10-01'")
    house.say(
        "insert into log (id, at, made, state) values (9000, '2020-01-01', '2020-01-01', 'x')"
    )
    before = house.number("select count(*) from log")
    house.promise(rule)
    for _ in range(2):
        outcome = house.run()
        assert outcome.verdict is Verdict.FAIL
        [failure] = outcome.failures
        assert why in failure.what
        assert "lifecycle retention apply" in failure.hint
    assert house.number("select count(*) from log") == before
    shown = house.plan()
    assert any(why in note for note in shown.decision.notes)
    rows = sum(step.rows for step in shown.decision.steps)
    assert house.run(shown=shown).failures == ()
    assert house.number("select count(*) from log") == before - rows
    house.say(
        "insert into log (id, at, made, state) values (9001, '2020-01-01', '2020-01-01', 'x')"
    )
    assert house.run().counts["deleted"] == 1


def test_a_longer_time_and_a_new_reason_are_nobodys_surprise(house: House) -> None:
    house.say("insert into log (id, at) values (9000, '2020-01-01'), (9001, '2020-01-01')")
    house.promise(
        {"table": "log", "after": "120 days", "by": "at", "do": "delete", "because": "longer"}
    )
    assert house.run().counts["deleted"] == 2
    house.promise(LOG)
    house.say("insert into log (id, at) values (9000, '2020-01-01')")
    assert house.run().verdict is Verdict.FAIL  # and back again is shorter


def test_a_shorter_time_by_which_nothing_ends_yet_asks_nobody(house: House) -> None:
    house.say("delete from log")
    house.promise(SHORTER)
    assert house.run().verdict is Verdict.PASS
    house.say("insert into log (id, at) values (9000, '2020-01-01')")
    assert house.run().counts["deleted"] == 1


def test_a_shorter_time_keeps_no_other_rule_from_its_rows(house: House) -> None:
    house.say(
        MORE
        + "; create table other (id int primary key, at date); insert into other values (1, '2020-01-01')"
    )
    house.promise(SHORTER, ("other", "90 days", "at", "delete"))
    outcome = house.run()
    assert [f.target for f in outcome.failures] == ["log"]
    assert house.number("select count(*) from other") == 0


def test_whole_partitions_wait_for_a_person_too(ledger: str) -> None:
    house = House(ledger)
    house.say(
        OWNER
        + """
        create table parts (id int, at date) partition by range (at);
        create table parts_a partition of parts for values from ('2015-01-01') to ('2015-02-01');
        create table parts_b partition of parts for values from ('2026-01-01') to ('2026-02-01');
        insert into parts values (1, '2015-01-05'), (2, '2026-01-05'); reset role;
    """
    )
    house.promise({"table": "parts", "after": "5 years", "do": "drop", "grace": "1 day"})
    assert house.run().counts["taken off"] == 1
    house.promise({"table": "parts", "after": "90 days", "do": "drop", "grace": "1 day"})
    outcome = house.run()
    assert outcome.verdict is Verdict.FAIL
    [failure] = outcome.failures
    assert failure.target == "partitions of parts"
    assert failure.what == (
        "its time is shorter than when it was last kept, and 1 partition would be taken off: "
        "a person has to see that first"
    )
    assert house.number("select count(*) from parts_b") == 1
    assert house.run(shown=house.plan()).counts["taken off"] == 1


def test_what_was_kept_is_remembered_once_and_never_changed(house: House) -> None:
    assert house.run().verdict is Verdict.PASS
    assert house.number("select count(*) from lifecycle.rule_kept") == 1
    with pytest.raises(Exception, match="is append-only"):
        house.say("update lifecycle.rule_kept set seconds = 1")
