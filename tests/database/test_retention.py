"""What is overdue goes, and nothing else: on a real server, beside writers, after kills."""

import os
import signal
import threading
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from types import ModuleType
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from audit.section import Audit
from lifecycle.config.span import Span
from lifecycle.coverage import Looks, Place, Reason
from lifecycle.errors import Conflict, Fenced, Refused
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Verdict
from lifecycle.policy.model import Table
from lifecycle.policy.people import Subject
from retention import copies, count, judge, pace, survey
from retention.count import Counted
from retention.promise import PROMISE
from retention.rules import Bound
from retention.survey import read
from tests.house import CUTOFF, LOG, NOW, PLAIN, ROWS, House, Rule, unseen
from tests.keep import keep
from tests.waiting import wait_until


@pytest.fixture
def house(ledger: str) -> House:
    return House(ledger)


def test_rows_before_the_cutoff_go_and_the_row_on_it_stays(house: House) -> None:
    house.say(PLAIN + "create table other (at date); insert into other values ('2020-01-01');")
    house.say(
        f"insert into log values (1, '{CUTOFF} 00:00Z'), (2, timestamptz '{CUTOFF} 00:00Z' - interval '1 us'),"
        "(3, '2020-01-01'), (4, null), (5, 'infinity'), (6, '-infinity'), (7, '2099-01-01')"
    )
    house.promise(LOG)
    outcome = house.run()
    assert (outcome.verdict, outcome.failures) == (Verdict.UNVERIFIED, ())
    assert [place["place"] for place in unseen(outcome)] == ["rows without a date of log"]
    assert outcome.counts == {"deleted": 2, "cleared": 0, "overdue": 0, "without a date": 2}
    assert "2 rows without a date yet, and kept" in outcome.summary
    assert house.ask("select id from log order by id") == [(1,), (4,), (5,), (6,), (7,)]
    assert house.ask("select count(*) from other") == [(1,)]
    assert house.evidence() == 2


@pytest.mark.parametrize("key", ["date", "timestamp", "timestamptz"])
def test_the_day_begins_in_the_policys_zone_for_every_kind_of_column(
    house: House, key: str
) -> None:
    house.say(f"create table log (id int, at {key})")
    house.say(
        "set timezone to 'Pacific/Auckland';"
        "insert into log values (1, '2026-08-22 23:59:59'), (2, '2026-08-23 00:00:00')"
    )
    house.promise(LOG, zone="Pacific/Auckland")
    # 21 November begins in Auckland at 11:00 UTC on the 20th.
    assert house.run(datetime(2026, 11, 20, 10, 59, tzinfo=UTC)).counts["deleted"] == 0
    assert house.run(datetime(2026, 11, 20, 11, 0, tzinfo=UTC)).counts["deleted"] == 1
    assert house.ask("select id from log") == [(2,)]


PARTED = """
    create table log (id int, at date not null, raw jsonb default '{}', primary key (id, at)) partition by range (at);
    create table log_old partition of log for values from ('2026-01-01') to ('2026-07-01');
    create table log_now partition of log for values from ('2026-07-01') to ('2027-01-01');
    create table log_next partition of log for values from ('2027-01-01') to ('2028-01-01');
    insert into log select n, date '2026-01-01' + n % 180 from generate_series(1, 1000) n;
    insert into log select n, date '2026-07-01' + n % 180 from generate_series(1001, 2000) n;
    insert into log select n, date '2027-01-01' + n % 180 from generate_series(2001, 3000) n;
"""


def test_rows_at_the_same_address_in_other_partitions_stay(house: House) -> None:
    house.say(PARTED)
    kept = house.ask(f"select id, at from log where at >= '{CUTOFF}' order by id")
    house.promise(("log", "90 days", "at", "delete"))
    outcome = house.run()
    assert outcome.verdict is Verdict.PASS
    assert house.ask("select id, at from log order by id") == kept
    assert outcome.counts["deleted"] == 3000 - len(kept) == house.evidence()


def test_clearing_a_column_leaves_the_rest_of_every_row_as_it_was(house: House) -> None:
    house.say(PARTED)
    house.say("update log set raw = null where id % 10 = 0")
    before = house.ask("select id, at from log order by id")
    overdue = house.number(f"select count(raw) from log where at < '{CUTOFF}'")
    young = house.number(f"select count(raw) from log where at >= '{CUTOFF}'")
    house.promise(("log.raw", "90 days", None, "clear"))
    outcome = house.run()
    assert outcome.counts["cleared"] == overdue == house.evidence("log.raw")
    assert house.ask("select id, at from log order by id") == before
    assert house.ask("select count(raw) from log") == [(young,)]
    assert house.run().counts["cleared"] == 0


def test_only_partitions_that_can_hold_overdue_rows_are_looked_at(house: House) -> None:
    house.say(PARTED + "create table log_rest partition of log default;")
    house.promise(("log", "90 days", "at", "delete"))
    with house.system().connect("test") as conn:
        [counted] = read(conn, house.policy, NOW, None, Looks()).counted
    assert set(counted.bound.leaves) == {"log_old", "log_now", "log_rest"}
    assert [one.leaf for one in counted.overdue] == ["log_now", "log_old"]


def test_the_audit_trigger_is_told_which_run_it_was(house: House) -> None:
    house.say(PLAIN + ROWS + "create table seen (run text);")
    house.say(
        "create function note() returns trigger security definer set search_path = public language plpgsql as $$ begin"
        " insert into seen values (current_setting('lifecycle.run', true)); return null; end $$;"
        "create trigger audit after delete on log for each row execute function note()"
    )
    house.promise(LOG, does="archives to seen")
    claim = house.claim()
    keep(PROMISE, house.system(), claim, NOW)
    assert house.ask("select run, count(*) from seen group by 1") == [(str(claim.id), 1000)]


def test_above_the_cap_a_rule_is_refused_whole_and_a_person_may_apply_it(house: House) -> None:
    house.say(PLAIN + ROWS)
    house.say("create table few (at date); insert into few values ('2020-01-01'), ('2020-01-01')")
    house.promise(LOG, ("few", "90 days", "at", "delete"), cap=999)
    outcome = house.run()
    [failure] = outcome.failures
    assert outcome.verdict is Verdict.FAIL
    assert failure.target == "log"
    assert "lifecycle retention plan" in failure.hint
    assert (house.number("select count(*) from log"), house.number("select count(*) from few")) == (2000, 0)  # fmt: skip
    assert outcome.counts["overdue"] == 1000
    assert house.run(shown=house.plan()).verdict is Verdict.PASS
    assert house.number("select count(*) from log") == 1000


def test_a_plan_stays_the_same_all_day_and_is_refused_when_the_rows_changed(house: House) -> None:
    house.say(PLAIN + ROWS)
    house.promise(LOG)
    morning = house.plan(NOW.replace(hour=0))
    assert morning.hash == house.plan(NOW.replace(hour=23, minute=59)).hash
    assert morning.decision.steps[0].rows == 1000
    house.say("delete from log where id = 0")
    with pytest.raises(Conflict):
        house.run(shown=morning)
    assert house.number("select count(*) from log") == 1999


@pytest.mark.parametrize("column", ["t", "lifecycle_row"])
def test_without_a_primary_key_the_plan_binds_whole_rows_whatever_a_column_is_called(
    house: House, column: str
) -> None:
    house.say(f"create table log ({column} int, at timestamptz, value text)")
    house.say("insert into log values (1, '2020-01-01', 'a')")
    house.promise(LOG)
    shown = house.plan()
    house.say("delete from log; insert into log values (1, '2020-02-02', 'evidence in a trial')")
    with pytest.raises(Conflict):
        house.run(shown=shown)
    assert house.number("select count(*) from log") == 1


def test_rules_that_would_destroy_too_much_are_failures_and_the_others_go_on(house: House) -> None:
    house.say(PLAIN + ROWS)
    house.say(
        "create table parent (id int primary key, at date);"
        "create table child (id int references parent on delete cascade);"
        "create table soft (id int primary key, at date, word text not null);"
        "insert into parent values (1, '2020-01-01'); insert into child values (1);"
        "insert into soft values (1, '2020-01-01', 'w')"
    )
    house.promise(
        ("parent", "90 days", "at", "delete"),
        ("soft.word", "90 days", "at", "clear"),
        ("soft", "7 days", "at", "delete"),
        ("soft", "90 days", "id", "delete"),
        ("nowhere", "90 days", "at", "delete"),
        LOG,
    )
    outcome = house.run()
    assert [failure.what for failure in outcome.failures] == [
        "a delete would delete rows of child too, by child_id_fkey",
        "the column cannot be set to NULL",
        "7 days is below the floor of 30 days",
        "the rule counts from id, which is no date or timestamp of it",
        "the table does not exist",
    ]
    assert outcome.counts["deleted"] == 1000
    assert house.ask("select (select count(*) from child), (select count(*) from soft)") == [(1, 1)]


def test_a_table_with_children_by_inheritance_is_not_declared_clean(house: House) -> None:
    house.say(
        PLAIN + "create table chunk () inherits (log); insert into chunk values (1, '2020-01-01');"
    )
    house.promise(LOG)
    [failure] = house.run().failures
    assert "child tables" in failure.what
    assert house.number("select count(*) from log") == 1


def test_a_foreign_key_in_the_way_is_named_without_a_value_and_stops_no_other_rule(
    house: House,
) -> None:
    house.say(
        "create table users (mail text primary key, at date);"
        "create table notes (mail text references users);"
        "insert into users values ('canary@example.org', '2020-01-01'); insert into notes select mail from users;"
    )
    house.say(PLAIN + ROWS)
    house.promise(("users", "90 days", "at", "delete"), LOG)
    outcome = house.run()
    [failure] = outcome.failures
    assert failure.what == "1 row still overdue; still referenced: 1 from notes (notes_mail_fkey)"
    assert "canary" not in repr(outcome)
    assert outcome.counts["deleted"] == 1000
    assert outcome.counts["overdue"] == 1


def test_a_missing_right_fails_its_rule_alone(house: House) -> None:
    house.say(PLAIN + ROWS)
    house.say("create table few (at date); insert into few values ('2020-01-01')")
    house.promise(("few", "90 days", "at", "delete"), LOG)
    house.say("revoke all on few from lifecycle; grant select on few to lifecycle")
    outcome = house.run()
    [failure] = outcome.failures
    assert (failure.target, outcome.counts["deleted"]) == ("few", 1000)
    house.say("revoke all on few from lifecycle")
    blind = house.run()
    assert (blind.verdict, blind.failures) == (Verdict.UNVERIFIED, ())
    assert [place["place"] for place in unseen(blind)] == ["leaf few"]
    assert not blind.well


def test_a_partition_that_cannot_be_read_stops_no_other_and_is_named(house: House) -> None:
    house.say(PARTED)
    house.promise(LOG)
    house.say("revoke all on log_old from lifecycle")
    outcome = house.run()
    assert outcome.verdict is Verdict.UNVERIFIED
    assert [place["place"] for place in unseen(outcome)] == [
        "leaf log_old (log)",
        "rows through log",
    ]
    assert "lacks a right" in unseen(outcome)[0]["why"]


def test_a_materialised_view_of_what_expires_is_a_copy_that_is_named(house: House) -> None:
    house.say(PLAIN + ROWS + "create materialized view recent as select id, at from log;")
    house.say(
        "create view above as select * from recent; create materialized view top as select id from above"
    )
    house.promise(LOG)
    outcome = house.run()
    assert (outcome.verdict, outcome.counts["deleted"]) == (Verdict.UNVERIFIED, 1000)
    places = {place["place"] for place in unseen(outcome)}
    assert places == {"copy materialised view recent", "copy materialised view top"}
    assert outcome.well  # retention reaches into no copy, tonight as any night


def test_a_materialised_view_of_one_partition_is_a_copy_too(house: House) -> None:
    house.say(PARTED + "create materialized view spring as select id, raw from log_old;")
    house.say("create materialized view summer as select id from log_now")
    house.promise(("log", "90 days", "at", "delete"))
    of_rows = {place["place"] for place in unseen(house.run())}
    assert of_rows == {"copy materialised view spring", "copy materialised view summer"}
    house.promise(("log.raw", "90 days", None, "clear"))
    assert [place["place"] for place in unseen(house.run())] == ["copy materialised view spring"]


def test_what_a_trigger_archives_is_a_copy_that_is_named(house: House) -> None:
    house.say(PLAIN + ROWS)
    house.say(
        "create table attic (like log);"
        "create function keep() returns trigger security definer set search_path = public language plpgsql as $$ begin"
        " insert into attic values (old.*); return null; end $$;"
        "create trigger keep after delete on log for each row execute function keep()"
    )
    house.promise(LOG, does="archives to attic")
    outcome = house.run()
    assert (outcome.verdict, outcome.failures) == (Verdict.UNVERIFIED, ())
    assert outcome.counts["deleted"] == house.number("select count(*) from attic") == 1000
    assert [place["place"] for place in unseen(outcome)] == ["copy archive attic"]
    [row] = judge.status(house.system(), NOW).rows
    assert row[-1] == "copy archive attic: not cleared by it"


HISTORY = """
    create table history (id bigint generated always as identity, about int, by int, what text, row_id text,
                          before jsonb, after jsonb);
"""


def with_log(house: House, *rules: Rule) -> None:
    """Declare `history` as the application's audit log, beside these rules."""
    house.promise(*rules)
    log = Audit(
        table="history", subject="about", actor="by", record="row_id", named="what",
        values=("before", "after"), of_actor=(), keep={},
    )  # fmt: skip
    tables = house.policy.tables | {"history": Table(owner={"person": "about"})}
    people = {"person": Subject(table="people", key="id")}
    house.policy = house.policy.model_copy(
        update={"audit": log, "tables": tables, "subjects": people}
    )


@pytest.mark.parametrize("rule", [LOG, ("log.value", "90 days", "at", "clear")])
def test_a_log_that_names_the_table_is_a_copy_whoever_wrote_it(house: House, rule: Rule) -> None:
    house.say(PLAIN + HISTORY + "create table people (id int primary key);")
    house.say("insert into log values (1, '2020-01-01', 'hiv positive')")
    with_log(house, rule)
    assert house.run().verdict is Verdict.PASS  # the log says nothing yet
    # As the application does, or a trigger did that is dropped since. Of other tables, and without values: no copy.
    house.say(
        "insert into history (what, after) values ('people', '{\"id\": 1}'), ('public.people', '{}'), ('log', null)"
    )
    assert house.run().verdict is Verdict.PASS
    for what in ("'log'", "'public.log'", "'Log'", "null"):
        house.say(f"update history set what = {what} where what = 'people'")
        outcome = house.run()
        assert [p["place"] for p in unseen(outcome)] == [f"copy images of {rule[0]} in history"]
        assert outcome.well
        house.say("update history set what = 'people' where after ? 'id'")


def test_a_log_that_names_a_partition_is_a_copy(house: House) -> None:
    house.say(PARTED + HISTORY + "create table people (id int primary key);")
    with_log(house, LOG)
    house.say("insert into history (what, before) values ('log_old', '{}')")
    assert [p["place"] for p in unseen(house.run())] == ["copy images of log in history"]


def test_an_archive_is_a_copy_also_when_its_trigger_is_gone(house: House) -> None:
    house.say(PLAIN + "create table attic (like log);")
    house.say(
        "create function keep() returns trigger security definer set search_path = public language plpgsql as $$ begin"
        " insert into attic values (new.*); return null; end $$;"
        "create trigger keep after insert on log for each row execute function keep()"
    )
    house.promise(LOG, does="archives to attic")
    assert house.run().verdict is Verdict.PASS  # nothing is in it yet
    house.say("insert into log values (1, '2020-01-01', 'hiv positive'); drop trigger keep on log")
    outcome = house.run()
    assert (outcome.counts["deleted"], outcome.failures) == (1, ())
    assert [place["place"] for place in unseen(outcome)] == ["copy archive attic"]
    # Declared of another table alone, it may hold rows of this one from before.
    tables = dict(house.policy.tables)
    tables["log"], tables["attic"] = tables["attic"], tables["log"]
    house.policy = house.policy.model_copy(update={"tables": tables})
    assert [place["place"] for place in unseen(house.run())] == ["copy archive attic"]


@pytest.mark.parametrize(
    ("function", "view"),
    [
        (
            "returns table (v text) language plpgsql as $$ begin return query select value from public.log; end $$",
            "select * from f()",
        ),
        (
            "returns setof text language sql as $$ select value from public.log $$",
            "select * from v",
        ),
        (
            "returns text language sql as $$ select 1::text $$",
            "select word from ts_stat('select to_tsvector(value) from public.log')",
        ),
    ],
)
def test_a_materialised_view_that_a_function_fills_may_be_a_copy(
    house: House, function: str, view: str
) -> None:
    house.say(PLAIN + f"create function f() {function}; create view v as select * from f()")
    house.say("insert into log values (1, '2020-01-01', 'hiv positive')")
    house.say(f"create materialized view mv as {view}; create materialized view n as select now()")
    house.promise(LOG)
    assert [place["place"] for place in unseen(house.run())] == ["copy materialised view mv"]
    house.say("refresh materialized view mv with no data")
    assert [place["place"] for place in unseen(house.run())] == ["copy materialised view mv"]
    house.say("drop materialized view mv")
    assert house.run().verdict is Verdict.PASS


OWNED = """
    do $$ begin create role house_owner nologin; exception when duplicate_object then null; end $$;
    alter table {name} owner to house_owner;
"""


def own(house: House, *tables: str) -> None:
    """Give the tables to an owner into whom the service may step: no superuser."""
    for name in tables:
        house.say(OWNED.replace("{name}", name))


SECRETS = "insert into log select n, '2020-01-01', 'secret' || n from generate_series(1, 99) n;"


def test_the_planner_forgets_what_was_deleted(house: House) -> None:
    house.say(PLAIN + SECRETS + "insert into log values (100, '2099-01-01'), (101, '2099-01-02');")
    own(house, "log")
    house.promise(LOG)
    house.say("analyze log")
    assert house.number("select count(*) from pg_stats where histogram_bounds::text ~ 'secret'")
    assert house.run().verdict is Verdict.PASS
    assert not house.number("select count(*) from pg_stats where histogram_bounds::text ~ 'secret'")


def test_that_the_other_login_is_not_let_in_stops_no_rule(house: House) -> None:
    house.say(PLAIN + SECRETS + "insert into log values (100, '2099-01-01'), (101, '2099-01-02');")
    own(house, "log")
    house.promise(LOG)
    house.say("analyze log")
    name = conninfo_to_dict(house.admin)["dbname"]
    house.say(f"revoke connect on database {name} from public, lifecycle_ddl")
    outcome = house.run()
    assert (outcome.counts["deleted"], outcome.failures) == (99, ())
    assert [place["place"] for place in unseen(outcome)] == ["copy planner's samples of log"]


def test_where_it_cannot_be_made_to_forget_its_samples_are_a_copy(house: House) -> None:
    house.say(PLAIN + SECRETS + "insert into log values (100, '2099-01-02'), (101, '2099-01-01');")
    house.promise(LOG)  # a superuser's table
    house.say("analyze log")
    outcome = house.run()
    assert [place["place"] for place in unseen(outcome)] == ["copy planner's samples of log"]
    assert outcome.well
    house.say(
        "analyze log"
    )  # when they were drawn, they do not tell: `analyze log (at)` leaves the others old
    assert house.run().verdict is Verdict.UNVERIFIED
    own(house, "log")
    house.say("grant house_owner to lifecycle_ddl")
    assert house.run().verdict is Verdict.PASS
    house.say("update log set at = '2099-01-01' where id > 100")
    house.say("insert into log select n, timestamptz '2099-01-01' from generate_series(102, 200) n")
    # All dates but one are alike: of that one the planner keeps nothing, and nobody knows how old its row was.
    assert house.run().verdict is Verdict.UNVERIFIED


KEPT = {
    "target": "analyze log; alter table log alter value set statistics 0",
    "child": "create table heir () inherits (log); insert into heir select * from log; analyze log; drop table heir",
    "index": "create index low on log (lower(value)); analyze log; alter index low alter column 1 set statistics 0",
    "partial": "create index low on log (lower(value)) where id < 100; analyze log",
    "statistics": "create statistics two (mcv) on value, id from log; analyze log; alter statistics two set statistics 0",
    "column of statistics": "create statistics two (mcv) on value, id from log; analyze log;"
    "alter table log alter id set statistics 0",
}


@pytest.mark.parametrize("said", KEPT.values(), ids=KEPT)
def test_what_an_analyze_leaves_as_it_was_is_a_copy(house: House, said: str) -> None:
    house.say(PLAIN + SECRETS + "insert into log values (100, '2099-01-02'), (101, '2099-01-01');")
    own(house, "log")
    house.promise(LOG)
    for one in said.split(";"):
        house.say(one)
    for _ in range(2):
        assert [p["place"] for p in unseen(house.run())] == ["copy planner's samples of log"]


def test_samples_of_one_column_alone_are_drawn_anew_with_the_others(house: House) -> None:
    house.say(PLAIN + SECRETS + "insert into log values (100, '2099-01-02'), (101, '2099-01-01');")
    own(house, "log")
    house.promise(LOG)
    house.say("analyze log; delete from log where id < 100; analyze log (at)")
    assert house.run().verdict is Verdict.PASS
    assert not house.number("select count(*) from pg_stats where histogram_bounds::text ~ 'secret'")


def test_of_an_emptied_table_or_leaf_the_planner_forgets_nothing(house: House) -> None:
    house.say(PLAIN + SECRETS + PARTED.replace("log", "part"))
    own(house, "log", "part", "part_old", "part_now")
    house.say("analyze log, part_old, part_now")
    house.promise(LOG, ("part", "90 days", "at", "delete"))
    places = ["copy planner's samples of log", "copy planner's samples of part"]
    assert [place["place"] for place in unseen(house.run())] == places
    house.say("analyze log, part")
    assert [place["place"] for place in unseen(house.run())] == places
    house.say("insert into log values (1, '2099-01-01'); analyze log")
    house.say("delete from pg_statistic where starelid = 'part_old'::regclass")
    assert house.run().verdict is Verdict.PASS


@pytest.mark.parametrize(
    "more",
    [
        "",
        "create index on log (lower(value))",
        "create statistics two (mcv) on value, id from log",
    ],
)
def test_what_the_planner_sampled_of_a_cleared_column_is_a_copy(house: House, more: str) -> None:
    house.say(PLAIN + f"alter table log add other text default 'o'; {more}")
    house.say("insert into log select n, '2020-01-01', 'secret' || n from generate_series(1, 99) n")
    house.promise(("log.value", "90 days", "at", "clear"), ("log.other", "90 days", "at", "clear"))
    assert house.run().verdict is Verdict.PASS  # the planner never looked
    house.say("update log set value = 'secret' || id; analyze log")
    assert [p["place"] for p in unseen(house.run())] == ["copy planner's samples of log.value"]
    house.say("analyze log")
    assert (house.run().verdict is Verdict.PASS) == (not more)


def _looks_nowhere(*_: object) -> dict[Place, Reason]:
    return {}


def _counts_nothing(_conn: object, bound: Bound, _held: object, _looks: Looks) -> Counted:
    return Counted(bound, (), {})


def _undates_nothing(*_: object) -> dict[str, int]:
    return {}


@pytest.mark.parametrize(
    ("room", "looker", "nothing", "places"),
    [
        (survey, "count", _counts_nothing, {"leaf log", "rows without a date of log"}),
        (count, "_dateless", _undates_nothing, {"rows without a date of log"}),
        (copies, "find", _looks_nowhere, {"search for copies of log"}),
    ],
)
def test_a_look_that_is_taken_out_is_no_pass(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    room: ModuleType,
    looker: str,
    nothing: Any,
    places: set[str],
) -> None:
    house.say(PLAIN)
    house.promise(LOG)
    assert house.run().verdict is Verdict.PASS
    monkeypatch.setattr(room, looker, nothing)
    outcome = house.run()
    assert outcome.verdict is Verdict.UNVERIFIED
    assert {place["place"] for place in unseen(outcome)} == places


def test_locked_rows_are_left_and_reported_and_go_with_the_next_run(house: House) -> None:
    house.say(PLAIN + ROWS)
    house.promise(LOG)
    with psycopg.connect(house.admin) as conn:
        conn.execute("select from log where id < 3 for update")
        outcome = house.run()
    [failure] = outcome.failures
    assert (outcome.counts["deleted"], failure.what) == (997, "3 rows still overdue")
    assert house.run().verdict is Verdict.PASS
    assert house.evidence() == 1000


def test_a_lock_that_ends_soon_is_waited_for(house: House) -> None:
    house.say(PLAIN + ROWS)
    house.promise(LOG)
    with psycopg.connect(house.admin) as conn:
        conn.execute("select from log where id < 3 for update")
        threading.Timer(0.4, conn.rollback).start()
        outcome = house.run()
    assert (outcome.verdict, outcome.counts["deleted"]) == (Verdict.PASS, 1000)


def test_beside_writers_no_young_row_goes_and_no_more_than_was_planned(house: House) -> None:
    house.say(PLAIN)
    house.say("insert into log select n, '2020-01-01' from generate_series(1, 20000) n")
    house.promise(LOG)
    done = threading.Event()
    saved: list[int] = []

    def write() -> None:
        with psycopg.connect(house.admin, autocommit=True) as conn:
            for row in range(20000, 0, -7):
                if done.is_set():
                    return
                changed = conn.execute(
                    "update log set at = '2026-11-21' where id = %s returning id", [row]
                ).fetchone()
                saved.extend([row] if changed else [])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        outcome = house.run()
    finally:
        done.set()
        writer.join()
    left = {row for (row,) in house.ask("select id from log")}
    assert left == set(saved)
    assert outcome.verdict is Verdict.PASS
    assert outcome.counts["deleted"] == 20000 - len(left) == house.evidence()


def test_no_more_goes_than_the_plan_showed(house: House) -> None:
    house.say(PLAIN + ROWS)
    # The first rule's delete makes 500 more rows overdue for the second, after the plan was made.
    house.say(
        "create table first (at date); insert into first values ('2020-01-01');"
        "create function again() returns trigger security definer set search_path = public language plpgsql as $$ begin"
        " insert into log select n, '2020-01-01' from generate_series(10001, 10500) n; return null; end $$;"
        "create trigger again after delete on first for each row execute function again()"
    )
    house.promise(("first", "90 days", "at", "delete"), LOG, does="archives to log")
    outcome = house.run()
    [failure] = outcome.failures
    assert failure.what == "500 rows still overdue"
    assert house.evidence() == 1000
    assert outcome.counts == {"deleted": 1001, "cleared": 0, "overdue": 500, "without a date": 0}


def _run_in_a_process(house: House, claim: Claim) -> None:
    pace.LONG = timedelta()  # each batch is too long: the next is half of it, down to one row
    keep(PROMISE, house.system(), claim, NOW)


def test_killed_in_the_middle_it_resumes_and_the_ledger_adds_up(house: House) -> None:
    house.say(PLAIN)
    house.say("insert into log select n, '2020-01-01' from generate_series(1, 20000) n")
    house.promise(LOG)
    claim = house.claim()
    child = get_context("fork").Process(target=_run_in_a_process, args=(house, claim))
    child.start()
    wait_until(lambda: house.evidence() > 200)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    wait_until(
        lambda: (
            not house.ask(
                "select from pg_stat_activity where application_name like 'lifecycle ret%'"
            )
        )
    )
    left = house.number("select count(*) from log")
    assert 0 < left < 20000
    assert house.evidence() == 20000 - left
    house.end(claim)
    assert house.run().counts["deleted"] == left
    assert house.evidence() == 20000


def test_a_process_whose_run_was_taken_over_deletes_nothing(house: House) -> None:
    house.say(PLAIN + ROWS)
    house.promise(LOG)
    claim = house.claim()
    house.say("update lifecycle.run set attempt = attempt + 1")
    with pytest.raises(Fenced):
        keep(PROMISE, house.system(), claim, NOW)
    assert house.number("select count(*) from log") == 2000
    house.say("update lifecycle.run set attempt = attempt - 1")


def test_quoted_names_are_just_names(house: House) -> None:
    house.say(
        'create schema "A b"; create table "A b"."T""x; drop table t" ("Der Tag" date, "V 1" text);'
        """insert into "A b"."T""x; drop table t" values ('2020-01-01', 'x')"""
    )
    name = 'A b.T"x; drop table t'
    house.promise(
        (f"{name}.V 1", "90 days", "Der Tag", "clear"), (name, "90 days", "Der Tag", "delete")
    )
    outcome = house.run()
    assert (outcome.failures, outcome.counts["cleared"], outcome.counts["deleted"]) == ((), 1, 1)


def test_a_rule_in_hours_ends_at_the_last_whole_hour(house: House) -> None:
    house.say(
        PLAIN + "insert into log values (1, '2026-10-10 19:59:59Z'), (2, '2026-10-10 20:00:00Z');"
    )
    house.promise(("log", str(Span(1000, "hour")), "at", "delete"))
    assert house.run().counts["deleted"] == 1
    assert house.ask("select id from log") == [(2,)]


def test_nothing_is_ended_while_a_table_is_not_accounted_for(house: House) -> None:
    house.say(PLAIN + "insert into log values (1, '2026-01-01');")
    house.promise(LOG)
    house.say("create table stranger (id int)")
    with pytest.raises(Refused, match="stranger"):
        house.run()
    assert house.number("select count(*) from log") == 1
