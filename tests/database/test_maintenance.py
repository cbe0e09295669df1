"""Materialized views are made anew beside their readers, and samples of what has changed are drawn: or it is said why not."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from lifecycle.admin import install
from lifecycle.config.mistake import Mistake
from lifecycle.errors import Refused
from lifecycle.maintenance import analyze, figures
from lifecycle.maintenance.promise import PROMISE
from lifecycle.maintenance.section import SECTION, Maintenance
from lifecycle.outcome import Outcome, Verdict
from lifecycle.policy.look import Look
from lifecycle.postgres import catalog, waits
from tests.house import NOW, OWNER, House, unseen
from tests.keep import keep, plan, work

TABLES = (
    OWNER
    + """
    create table visits (id int primary key, day date not null);
    insert into visits select n, date '2026-01-01' + n % 10 from generate_series(1, 100) n;
    create materialized view by_day as select day, count(*) as visits from visits group by day;
    create unique index on by_day (day);
    create view busy as select day from by_day where visits > 5;
    create materialized view a_total as select count(*) as days, sum(visits) as visits from by_day, busy limit 1;
    create materialized view unread as select 1 as one with no data;
    reset role;
"""
)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "PATIENCE", timedelta(seconds=0.4))


@pytest.fixture
def house(ledger: str) -> House:
    made = House(ledger)
    made.say(TABLES)
    return made


def promise(house: House, *views: str, statistics: bool = False) -> None:
    house.promise()
    section = Maintenance(views=views, statistics=statistics)
    house.policy = house.policy.model_copy(update={"maintenance": section})
    with psycopg.connect(house.admin, autocommit=True) as conn:
        install.install(conn, house.policy, catalog.read(conn), None)


def run(house: House) -> Outcome:
    claim = house.claim(PROMISE.job)
    try:
        return keep(PROMISE, house.system(), claim, NOW)
    finally:
        house.end(claim)


def analysed(house: House) -> Outcome:
    claim = house.claim(analyze.JOB)
    try:
        return work(analyze.carry_out, house.system(), claim, NOW)
    finally:
        house.end(claim)


def refreshed(house: House) -> list[str]:
    found = house.ask(
        "select target from lifecycle.evidence where event = 'maintenance.refreshed' order by id"
    )
    return [target for (target,) in found]


@contextmanager
def held(house: House, statement: str) -> Generator["psycopg.Connection[Any]"]:
    with psycopg.connect(house.admin) as conn:
        conn.execute(statement.encode())
        yield conn
        conn.rollback()


def test_views_are_made_anew_in_the_order_in_which_they_read_each_other(house: House) -> None:
    promise(house, "a_total", "by_day", "unread")
    house.say("insert into visits select n, '2026-02-01' from generate_series(101, 150) n")
    outcome = run(house)
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ())
    assert refreshed(house).index("by_day") < refreshed(house).index("a_total")
    assert house.number("select visits from by_day where day = '2026-02-01'") == 50
    assert house.number("select visits from a_total") > 100
    assert house.ask("select one from unread") == [(1,)]


def test_who_reads_a_view_reads_on_while_it_is_made_anew(house: House) -> None:
    promise(house, "by_day")
    with held(house, "select count(*) from by_day") as reading:
        house.say("insert into visits values (1000, '2026-03-01')")
        assert run(house).verdict is Verdict.PASS
        found = reading.execute("select count(*) from by_day where day = '2026-03-01'").fetchone()
        assert found is not None
    assert house.number("select visits from by_day where day = '2026-03-01'") == 1


def test_a_view_that_somebody_reads_and_that_has_no_unique_index_stays_and_is_named(
    house: House,
) -> None:
    promise(house, "a_total", "by_day")
    with held(house, "select * from a_total"):
        outcome = run(house)
    assert outcome.verdict is Verdict.FAIL
    [failure] = outcome.failures
    assert failure.target == "a_total"
    assert "1 session held a_total all the time" in failure.what
    assert refreshed(house) == ["by_day"]


def test_a_view_whose_readers_would_wait_for_long_is_left_as_it_was_with_what_to_do(
    house: House,
) -> None:
    house.say(
        "create function slow() returns int language plpgsql volatile as"
        " $$ begin perform pg_catalog.pg_sleep(nullif(current_setting('house.slow', true), '')::float); return 1; end $$;"
        "set role house_owner; create materialized view lame as select public.slow() as slow; reset role;"
    )
    promise(house, "lame", "by_day")
    house.say(f"alter role lifecycle_ddl in database {house.policy.database} set house.slow = '30'")
    try:
        outcome = run(house)
    finally:
        house.say(f"alter role lifecycle_ddl in database {house.policy.database} reset all")
    [failure] = outcome.failures
    assert "longer than 200 ms, and its readers would wait" in failure.what
    assert "create unique index on lame" in failure.hint
    assert house.ask("select slow from lame") == [(1,)]
    assert refreshed(house) == ["by_day"]
    [note] = plan(PROMISE, house.system(), NOW).decision.notes
    assert note.startswith("lame shuts its readers out")


def test_a_view_that_cannot_be_made_hides_no_other(house: House) -> None:
    house.say(
        "set role house_owner; create materialized view broken as select 1 / (count(*) - 100) as x from visits"
        " with no data; reset role;"
    )
    promise(house, "broken", "by_day", "gone")
    outcome = run(house)
    assert outcome.verdict is Verdict.FAIL
    assert {failure.target for failure in outcome.failures} == {"broken", "gone"}
    assert refreshed(house) == ["by_day"]


def test_what_a_view_calls_has_its_owners_rights_and_becomes_nobody_else(house: House) -> None:
    house.say(
        "create function climb() returns text language plpgsql as $$ begin set role lifecycle_ddl;"
        " return current_user; end $$; set role house_owner;"
        "create materialized view climber as select public.climb() as who with no data; reset role;"
    )
    promise(house, "climber")
    [failure] = run(house).failures
    assert "lacks a right" in failure.what
    assert refreshed(house) == []


def test_a_view_of_a_superuser_is_refused_before_anything_is_granted(house: House) -> None:
    house.say("create materialized view of_root as select 1 as one")
    with pytest.raises(Refused, match="of_root belong to postgres"):
        promise(house, "of_root")


def test_a_name_that_is_no_materialized_view_is_a_mistake_that_says_what_there_is(
    house: House,
) -> None:
    section = Maintenance(views=("by_dya", "busy", "by_day"))
    mistakes: list[Mistake] = []
    with house.system().snapshot("test") as conn:
        look = Look(house.policy, catalog.read(conn), mistakes, [])
    SECTION.truth(section, look)
    assert [(m.path[-1], m.what) for m in mistakes] == [
        (0, "no materialized view is called 'by_dya'"),
        (1, "busy is a view that keeps no rows"),
    ]
    assert "by_day" in mistakes[0].instead
    assert look.notes == ["nobody here refreshes a_total, unread: not under `maintenance.views`"]


def test_monitors_see_when_a_view_was_refreshed_last_and_that_it_never_was(house: House) -> None:
    promise(house, "by_day", "unread")
    system = house.system()
    with system.snapshot("test") as conn:
        assert [v.value for v in figures.read(system, conn, NOW)] == [0, 0]
    run(house)
    with system.snapshot("test") as conn:
        values = {value.labels: value.value for value in figures.read(system, conn, NOW)}
    [(last,)] = house.ask("select at from lifecycle.evidence where target = 'by_day'")
    assert values["by_day",] == last


def test_what_has_changed_is_analysed_and_what_has_not_is_left(house: House) -> None:
    house.say("""
        set role house_owner;
        create table parts (id int, at date) partition by range (at);
        create table parts_1 partition of parts for values from ('2026-01-01') to ('2027-01-01');
        create table still (id int);
        insert into parts select n, '2026-05-05' from generate_series(1, 50) n;
        insert into still values (1);
        reset role;
        create table of_root (id int);
    """)
    house.say("analyze still")
    promise(house, statistics=True)
    before = house.ask("select last_analyze from pg_stat_user_tables where relname = 'still'")
    outcome = analysed(house)
    assert outcome.verdict is Verdict.UNVERIFIED
    assert [place["place"] for place in unseen(outcome)] == ["relation of_root"]
    assert outcome.counts == {"relations": 3, "analysed": 2}
    assert house.number("select reltuples from pg_class where relname = 'parts_1'") == 50
    assert house.number("select reltuples from pg_class where relname = 'visits'") == 100
    assert (
        house.ask("select last_analyze from pg_stat_user_tables where relname = 'still'") == before
    )
    assert analysed(house).counts == {"relations": 3, "analysed": 0}


def test_a_table_that_somebody_holds_is_named_and_keeps_no_other_from_its_samples(
    house: House,
) -> None:
    house.say(
        "set role house_owner; create table other (id int); insert into other values (1); reset role;"
    )
    promise(house, statistics=True)
    with held(house, "lock table visits in share update exclusive mode"):
        outcome = analysed(house)
    assert outcome.verdict is Verdict.FAIL
    assert [f.target for f in outcome.failures] == ["visits"]
    assert house.number("select reltuples from pg_class where relname = 'other'") == 1


def test_samples_that_were_not_drawn_are_no_success(house: House) -> None:
    promise(house, statistics=True)
    house.say("revoke house_owner from lifecycle_ddl")
    outcome = analysed(house)
    assert outcome.verdict is Verdict.FAIL
    assert [f.target for f in outcome.failures] == ["visits"]
