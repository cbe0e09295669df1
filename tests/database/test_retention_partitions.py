"""Partitions end by a rule: taken off, standing alone for their grace, dropped; judged by the rows that are overdue."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from pydantic import ValidationError

from lifecycle.holds import place
from lifecycle.holds.hold import What
from lifecycle.outcome import Outcome, Verdict
from lifecycle.partitions import take_off
from lifecycle.partitions.promise import PROMISE as CREATE
from lifecycle.partitions.rule import Partitioning
from lifecycle.plan import Plan
from lifecycle.postgres import waits
from retention.promise import PROMISE
from retention.rule import RetentionRule
from tests.house import NOW, OWNER, House
from tests.keep import keep

LATER = NOW + timedelta(days=20)
# NOW is 2026-11-21: two years before lie within log_2024.
LOG = """
    create table log (id int generated always as identity, at date not null, who int, primary key (id, at))
        partition by range (at);
    create table log_2022 partition of log for values from ('2022-01-01') to ('2023-01-01');
    create table log_2023 partition of log for values from ('2023-01-01') to ('2024-01-01');
    create table log_2024 partition of log for values from ('2024-01-01') to ('2025-01-01');
    create table log_2026 partition of log for values from ('2025-01-01') to ('2027-01-01');
    insert into log (at, who) select date '2022-03-01' + 30 * n, n % 5 from generate_series(0, 57) n;
"""
FIRST = datetime(2022, 1, 1, tzinfo=UTC)
RULE: dict[str, Any] = {
    "table": "log",
    "after": "2 years",
    "do": "drop",
    "because": "nobody asks for it any more",
}


@pytest.fixture
def house(ledger: str, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(waits, "PATIENCE", timedelta(seconds=0.4))
    return House(ledger)


def made(house: House, more: str = "", **said: Any) -> None:
    house.say(OWNER + LOG + more)
    house.promise(RULE | said)


def over(house: House) -> None:
    """Let the grace of all that stands alone be over."""
    house.say("update lifecycle.detached set drop_not_before = now() - interval '1 s'")


def attached(house: House) -> list[str]:
    return [
        name
        for (name,) in house.ask(
            "select inhrelid::regclass::text from pg_inherits where inhparent = 'log'::regclass order by 1"
        )
    ]


def there(house: House, name: str) -> bool:
    return house.ask(f"select to_regclass('{name}') is not null") == [(True,)]


def told(outcome: Outcome) -> str:
    return "; ".join(f"{failure.target}: {failure.what}" for failure in outcome.failures)


def verbs(plan: Plan[Any]) -> list[str]:
    return [f"{step.verb} {step.target}" for step in plan.decision.steps]


def hold(house: House, what: What) -> int:
    with house.system().connect("test") as conn:
        return place.place(conn, what, because="a lawsuit", placed_by="case 7", until=None)


def test_what_is_over_is_taken_off_stands_its_grace_and_is_dropped_and_the_rest_is_named(
    house: House,
) -> None:
    made(house)
    plan = house.plan()
    assert verbs(plan) == ["detach partition log_2022", "detach partition log_2023"]
    cost = plan.decision.steps[0].cost
    assert cost.startswith("from ('2022-01-01') to ('2023-01-01'): 11 rows, 0.0 MB; it stands")
    assert "no lock is waited for longer than 150 ms; it is dropped 7 days later" in cost
    assert plan.decision.notes == (
        "partitions of log: 11 overdue rows of log_2024 end with their partition on 2027-01-01",
    )
    outcome = house.run(shown=plan)
    assert (outcome.verdict, told(outcome)) == (Verdict.PASS, "")
    assert outcome.counts == {
        "deleted": 0,
        "cleared": 0,
        "taken off": 2,
        "dropped": 0,
        "waiting for their partition": 11,
        "in their grace": 23,
        "overdue": 0,
        "without a date": 0,
    }
    assert attached(house) == ["log_2024", "log_2026"]
    assert verbs(house.plan()) == []
    assert "log_2022: taken off log; it stands alone with 11 rows until 20" in str(
        house.plan().decision.notes
    )
    over(house)
    plan = house.plan(LATER)
    assert verbs(plan) == ["drop the detached log_2022", "drop the detached log_2023"]
    assert "11 rows, 0.0 MB; log_2022 with nobody, for an instant" in plan.decision.steps[0].cost
    outcome = house.run(LATER)
    assert (outcome.verdict, outcome.counts["dropped"]) == (Verdict.PASS, 2)
    assert "2 partitions dropped" in outcome.summary
    assert not there(house, "log_2022")
    assert house.ask(
        "select event, target, counts from lifecycle.evidence where event ~ 'dropped|detached' order by id"
    ) == [
        ("partitions.detached", "log_2022", {"partitions": 1}),
        ("partitions.detached", "log_2023", {"partitions": 1}),
        ("partitions.dropped", "log_2022", {"partitions": 1, "rows": 11}),
        ("partitions.dropped", "log_2023", {"partitions": 1, "rows": 12}),
    ]
    assert house.run(LATER).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("now", "taken"),
    [
        (datetime(2025, 12, 31, 23, 59, tzinfo=UTC), ["log_2022"]),
        (datetime(2026, 1, 1, 0, 0, tzinfo=UTC), ["log_2022", "log_2023"]),
    ],
)
def test_it_ends_by_its_upper_bound_and_not_by_its_name_lower_bound_or_length(
    house: House, now: datetime, taken: list[str]
) -> None:
    """Scenarios 2 and 3: not one row of it may have time left, whatever interval made it."""
    made(house)
    assert [step.target for step in house.plan(now).decision.steps] == taken


def test_a_missing_one_in_the_middle_stops_nothing(house: House) -> None:
    """Scenario 4."""
    made(
        house,
        "create table log_2020 partition of log for values from ('2020-01-01') to ('2021-01-01');",
    )
    assert house.run().counts["taken off"] == 3


def test_what_a_default_or_endless_partition_has_past_its_time_is_overdue(house: House) -> None:
    made(
        house,
        "create table log_rest partition of log default; insert into log (at) values ('2019-01-01'), ('2030-01-01')",
    )
    outcome = house.run()
    assert (
        "partitions of log: 1 row overdue in log_rest, which has no upper bound, so it never ends"
        in told(outcome)
    )
    assert outcome.counts["overdue"] == 1
    assert attached(house) == ["log_2024", "log_2026", "log_rest"]


def test_a_partition_that_stands_past_its_time_is_a_failure(house: House) -> None:
    made(house)
    with psycopg.connect(house.admin) as reader:
        reader.execute(
            "begin isolation level repeatable read; select from log_2022; select from log"
        )
        outcome = house.run()
    assert "log_2022: deferred: no lock on" in told(outcome)
    assert outcome.counts["overdue"] > 0
    assert outcome.verdict is Verdict.FAIL
    assert house.run().verdict is Verdict.PASS
    assert attached(house) == ["log_2024", "log_2026"]


def test_a_run_killed_in_the_middle_is_gone_on_with(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scenario 13: killed between the two transactions of a detach, and before it was written down."""
    made(house)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(take_off, "_end", dies)
    with pytest.raises(KeyboardInterrupt):
        house.run()
    monkeypatch.undo()
    assert verbs(house.plan())[0] == "finish the detach of log_2022"
    outcome = house.run()
    assert (outcome.verdict, outcome.counts["in their grace"]) == (Verdict.PASS, 23)


HELD = [
    What("table", table="log"),
    What(
        "span",
        table="log",
        column="at",
        since=datetime(2022, 5, 1, tzinfo=UTC),
        before=datetime(2022, 6, 1, tzinfo=UTC),
    ),
    What("value", column="who", key="4"),
]


@pytest.mark.parametrize("what", HELD, ids=["table", "span", "value"])
def test_a_partition_with_a_row_on_hold_stays_whole_by_name(house: House, what: What) -> None:
    """Scenario 32: the hold is on a row, and the rule would drop a partition."""
    made(house)
    number = hold(house, what)
    plan = house.plan()
    assert "detach partition log_2022" not in verbs(plan)
    assert any(
        "partitions of log: log_2022: " in note and "it stays whole" in note
        for note in plan.decision.notes
    )
    outcome = house.run()
    assert (outcome.verdict, outcome.counts["overdue"]) == (Verdict.PASS, 0)
    assert outcome.counts["on hold"] >= 11
    assert "log_2022" in attached(house)
    with house.system().connect("test") as conn:
        place.release(conn, number, because="over", released_by="case 7")
    house.run()
    assert "log_2022" not in attached(house)


@pytest.mark.parametrize("what", HELD, ids=["table", "span", "value"])
def test_a_hold_that_comes_in_the_grace_or_in_the_run_that_drops_keeps_it(
    house: House, what: What, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(house)
    house.run()
    over(house)
    # After the survey: the transaction that drops asks again.
    monkeypatch.setattr(
        "retention.expire.expire_parts.take_off.carry_out", placed_first_of(house, what)
    )
    outcome = house.run(LATER)
    monkeypatch.undo()
    assert "log_2022: it is not dropped: " in told(outcome)
    assert "on legal hold" in told(outcome)
    assert there(house, "log_2022")
    outcome = house.run(LATER)
    assert "log_2022" not in told(outcome)
    assert outcome.counts["on hold"] >= 11
    assert any(
        "log_2022: " in note and "so it is not dropped" in note
        for note in house.plan(LATER).decision.notes
    )


def placed_first_of(house: House, what: What) -> Any:
    real = take_off.carry_out

    def carry_out(*args: Any) -> Any:
        hold(house, what)
        return real(*args)

    return carry_out


def test_more_than_the_cap_needs_a_person_who_saw_the_plan(house: House) -> None:
    """Scenario 27: `2 years` became `2 months`, and an unattended run takes nothing off."""
    years = "".join(
        f"create table log_{y} partition of log for values from ('{y}-01-01') to ('{y + 1}-01-01');"
        for y in range(2015, 2022)
    )
    made(house, years)
    outcome = house.run()
    assert (
        "partitions of log: 9 partitions would be taken off, and an unattended run may do that to 4"
        in told(outcome)
    )
    assert len(attached(house)) == 11
    assert house.run(shown=house.plan()).counts["taken off"] == 9


def test_what_no_rule_ends_any_more_is_not_dropped(house: House) -> None:
    made(house)
    house.run()
    over(house)
    house.promise(RULE | {"after": "20 years"})
    outcome = house.run(LATER)
    assert (
        "log_2022: it was taken off log, and no rule ends it any more: it is not dropped"
        in told(outcome)
    )
    assert there(house, "log_2022")


def test_what_references_a_partition_keeps_it_and_is_named(house: House) -> None:
    """Scenario 15: rows of another table reference it."""
    made(
        house,
        "create table note (log int, at date, foreign key (log, at) references log (id, at));"
        "create index on note (log, at);"
        "insert into note select id, at from log where at < '2022-06-01' limit 1;",
    )
    outcome = house.run()
    assert "log_2022: rows of note reference rows in it" in told(outcome)
    assert attached(house) == ["log_2022", "log_2024", "log_2026"]
    assert told(outcome).count("log_2022") == 1


def test_below_a_partition_all_ends_with_it(house: House) -> None:
    house.say(
        OWNER
        + """
        create table log (id int, at timestamptz not null) partition by range (at);
        create table log_2022 partition of log for values from ('2022-01-01') to ('2023-01-01') partition by hash (id);
        create table log_2022_0 partition of log_2022 for values with (modulus 2, remainder 0);
        create table log_2022_1 partition of log_2022 for values with (modulus 2, remainder 1);
        create table log_now partition of log for values from ('2026-01-01') to ('2027-01-01');
        insert into log select n, '2022-02-02' from generate_series(1, 20) n;
    """
    )
    house.promise(RULE)
    assert verbs(house.plan()) == ["detach partition log_2022"]
    assert house.run().verdict is Verdict.PASS
    over(house)
    outcome = house.run(LATER)
    assert (outcome.verdict, outcome.counts["dropped"]) == (Verdict.PASS, 1)
    assert not there(house, "log_2022_0")


def test_somebody_puts_a_row_into_what_stands_alone_and_it_stays(house: House) -> None:
    """Scenario 28: late rows are never dropped unseen."""
    made(house)
    house.run()
    house.say("insert into log_2022 values (999, '2022-02-02')")
    over(house)
    outcome = house.run(LATER)
    assert "log_2022: it is not dropped: somebody has put rows into it" in told(outcome)
    assert there(house, "log_2022")


def test_status_says_what_waits_for_whom(house: House) -> None:
    made(house)
    house.run()
    listing = PROMISE.status(house.system(), NOW)
    assert [row[0] for row in listing.rows] == [
        "partitions of log",
        "log_2022 (taken off log)",
        "log_2023 (taken off log)",
    ]
    assert listing.rows[0][-1] == "11 overdue rows of log_2024 end with it on 2027-01-01"
    assert listing.rows[1][-1] == "11 rows in their grace"


def test_the_period_of_what_has_ended_is_not_made_anew(house: House) -> None:
    """An older one stays on hold; the years after it have ended, and are no hole that a nightly run would fill."""
    made(house)
    by_year = {"log": Partitioning.model_validate({"by": "at", "every": "year", "ahead": 1})}
    house.policy = house.policy.model_copy(update={"partitions": by_year})
    hold(
        house,
        What("span", table="log", column="at", since=FIRST, before=FIRST + timedelta(days=90)),
    )
    house.run()
    assert attached(house) == ["log_2022", "log_2024", "log_2026"]
    outcome = keep(CREATE, house.system(), house.claim(), NOW)
    assert (outcome.verdict, told(outcome)) == (Verdict.PASS, "")
    assert attached(house) == ["log_2022", "log_2024", "log_2026", "log_2027"]


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"do": "delete", "by": "at", "grace": "7 days"}, "`grace` is for partitions"),
        ({"by": "at"}, "without `by`, `expires` and `where`"),
        ({"where": {"who": 1}}, "without `by`, `expires` and `where`"),
    ],
)
def test_a_rule_that_drops_says_nothing_that_it_cannot_keep(
    said: dict[str, Any], what: str
) -> None:
    with pytest.raises(ValidationError, match=what):
        RetentionRule.model_validate(RULE | said)
