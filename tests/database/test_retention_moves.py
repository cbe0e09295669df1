"""Rows move into an archive table: deleted and put in as one, counted and compared, each of them in one place only."""

from collections.abc import Mapping
from typing import Any

import psycopg
import pytest
from pydantic import ValidationError

from lifecycle.holds import place
from lifecycle.holds.hold import What
from lifecycle.outcome import Outcome, Verdict
from lifecycle.policy import reality
from lifecycle.postgres import catalog
from retention import expire
from retention.rule import RetentionRule
from tests.house import CUTOFF, ROWS, House

LOG = """
    create table log (id int generated always as identity primary key, at timestamptz, value text default 'v',
                      facts jsonb default '{"a": 1.10}', long int generated always as (length(value)) stored);
    create table log_archive (value text, id int not null, facts jsonb, at timestamptz, came timestamptz default now())
        partition by range (at);
    create table log_archive_2026 partition of log_archive for values from ('2026-01-01') to ('2027-01-01');
"""
FILLED = ROWS.replace("insert into log", "insert into log (id, at) overriding system value")
RULE: dict[str, Any] = {
    "table": "log",
    "by": "at",
    "after": "90 days",
    "do": "move",
    "to": "log_archive",
    "because": "the current year is asked for every minute",
}


@pytest.fixture
def house(ledger: str) -> House:
    return House(ledger)


def told(outcome: Outcome) -> str:
    return "; ".join(f"{failure.target}: {failure.what}" for failure in outcome.failures)


def both(house: House) -> list[Any]:
    """Every row wherever it lies, and how many lie in both."""
    return house.ask("""
        select (select count(*) from log)::int, (select count(*) from log_archive)::int,
               (select count(*) from log join log_archive using (id))::int
    """)


def test_rows_move_as_they_are_and_the_run_says_so(house: House) -> None:
    house.say(LOG + FILLED)
    house.promise(RULE)
    before = house.ask("select id, at, value, facts from log order by id limit 1000")
    plan = house.plan()
    assert plan.decision.steps[0].cost == "1000 rows in 1 tables or partitions, into log_archive"
    assert (plan.decision.steps[0].verb, plan.decision.steps[0].rows) == ("move rows", 1000)
    outcome = house.run()
    assert (outcome.verdict, told(outcome)) == (Verdict.PASS, "")
    assert (outcome.counts["moved"], outcome.counts["deleted"]) == (1000, 0)
    assert "1,000 rows moved into archives" in outcome.summary
    assert both(house) == [(1000, 1000, 0)]
    assert house.ask("select id, at, value, facts from log_archive order by id") == before
    assert house.number(f"select count(*) from log where at < '{CUTOFF} 00:00Z'") == 0
    assert house.evidence() == 1000
    assert house.ask("select distinct event from lifecycle.evidence where event ~ 'retention'") == [
        ("retention.moved",)
    ]
    assert house.run().counts.get("moved", 0) == 0


def test_a_run_killed_between_two_batches_loses_and_doubles_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.say(LOG + FILLED)
    house.promise(RULE)
    real, batches = expire.batch, [0]

    def batch(*args: Any, **more: Any) -> expire.Gone:
        batches[0] += 1
        if batches[0] == 3:
            raise KeyboardInterrupt
        return real(*args, **more)

    monkeypatch.setattr(expire, "batch", batch)
    with pytest.raises(KeyboardInterrupt):
        house.run()
    monkeypatch.undo()
    left, moved, doubled = both(house)[0]
    assert (left + moved, doubled) == (2000, 0)
    assert 0 < moved < 1000
    house.run()
    assert both(house) == [(1000, 1000, 0)]
    assert house.evidence() == 1000


IN_THE_WAY: Mapping[str, tuple[str, str]] = {
    "keeps out": ("return null", "1 row would have left log, and 0 come into log_archive"),
    "changes": (
        "new.value = 'x'; return new",
        "would have come into log_archive is not what would have left log",
    ),
}


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_an_archive_that_does_not_take_rows_as_they_are_gets_none(house: House, what: str) -> None:
    does, said = IN_THE_WAY[what]
    house.say(
        LOG + "insert into log (at) values ('2026-02-02');"
        f"create function odd() returns trigger language plpgsql as $$ begin {does}; end $$;"
        "create trigger odd before insert on log_archive_2026 for each row execute function odd()"
    )
    house.promise(RULE)
    outcome = house.run()
    assert said in told(outcome)
    assert both(house) == [(1, 0, 0)]


def test_where_the_archive_has_no_partition_for_a_row_it_stays_and_is_overdue(house: House) -> None:
    house.say(LOG + "insert into log (at) values ('2020-02-02')")
    house.promise(RULE)
    outcome = house.run()
    assert "log: stopped: " in told(outcome)
    assert "2020" not in told(outcome)
    assert (outcome.verdict, outcome.counts["overdue"]) == (Verdict.FAIL, 1)
    assert both(house) == [(1, 0, 0)]


def test_rows_on_hold_or_locked_or_referenced_stay_and_all_others_move(house: House) -> None:
    house.say(
        LOG + FILLED + "create table note (log int references log); insert into note values (3);"
    )
    house.promise(RULE)
    with house.system().connect("test") as conn:
        what = What("value", column="id", key="7")
        place.place(conn, what, because="a suit", placed_by="case 7", until=None)
    with psycopg.connect(house.admin) as other:
        other.execute("select from log where id = 5 for update")
        outcome = house.run()
    assert (outcome.counts["moved"], outcome.counts["on hold"]) == (997, 1)
    assert house.ask(f"select id from log where at < '{CUTOFF} 00:00Z' order by 1") == [
        (3,),
        (5,),
        (7,),
    ]


def test_what_cannot_move_is_refused_by_the_check_and_by_the_run(house: House) -> None:
    house.say(
        LOG.replace("facts jsonb, at", "facts json, at")
        + "insert into log (at) values ('2026-02-02')"
    )
    house.promise(RULE)
    with house.system().connect("test") as conn:
        [mistake] = reality.compare(house.policy, catalog.read(conn)).mistakes
    assert "log_archive does not take rows of log as they are: it has no facts jsonb" in str(
        mistake
    )
    assert "it has no facts jsonb" in told(house.run())
    assert both(house) == [(1, 0, 0)]


@pytest.mark.parametrize("change", [{"to": None}, {"do": "delete"}, {"archive": True}])
def test_a_rule_that_moves_says_where_to(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RetentionRule.model_validate(RULE | change)
