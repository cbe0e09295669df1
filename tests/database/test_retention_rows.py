"""Which rows end: those that the survey saw, as they stood, past the ones that are referenced, in moments."""

import re
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from lifecycle.errors import InputError
from lifecycle.holds.gate import Held
from lifecycle.outcome import Verdict
from lifecycle.policy import load, reality
from lifecycle.postgres import catalog
from lifecycle.promise import Task
from retention import fixed, rules
from retention.promise import PROMISE
from retention.statements_of_rows import count_undated, fix
from tests.house import LOG, NOW, PLAIN, ROWS, House, unseen


@pytest.fixture
def house(ledger: str) -> House:
    return House(ledger)


def test_what_came_or_changed_after_the_survey_stays_whatever_its_date(house: House) -> None:
    house.say(PLAIN + "alter table log set (autovacuum_enabled = off)")
    house.say("insert into log select n, '2020-01-01' from generate_series(1, 500) n")
    house.promise(LOG)
    task = Task(house.system(), house.claim(), NOW)
    with psycopg.connect(house.admin) as meanwhile:
        # Under way when the survey looks, and half of it in a transaction below its own.
        meanwhile.execute("insert into log values (1001, '2020-01-01')")
        with meanwhile.transaction():
            meanwhile.execute("insert into log values (1002, '2020-01-01')")
        seen = PROMISE.survey(task.system, task.now, None)
        decision = PROMISE.decide(task.system.policy, seen, NOW)
        assert sum(step.rows for step in decision.steps) == 500
    house.say(
        "delete from log where id <= 10; update log set value = 'new' where id between 11 and 20"
    )
    house.say("vacuum log")  # the places of those that are gone are free
    house.say("insert into log select n, '2020-01-01' from generate_series(2001, 2020) n")
    assert house.number("select count(*) from log where id > 2000 and ctid < '(1,0)'") > 0
    PROMISE.carry_out(task, seen, decision)
    left = {row for (row,) in house.ask("select id from log")}
    assert left == {*range(11, 21), 1001, 1002, *range(2001, 2021)}
    assert house.evidence() == 480
    house.end(task.claim)
    assert house.run().counts["deleted"] == len(left)


def test_a_run_counts_its_own_changes_for_what_the_survey_saw(house: House) -> None:
    house.say(
        "create table log (id int primary key, at date, a text default 'a', b text default 'b')"
    )
    house.say("insert into log select n, '2020-01-01' from generate_series(1, 50) n")
    house.promise(*((f"log.{c}", "90 days", "at", "clear") for c in "ab"), LOG)
    assert house.run().counts == {"deleted": 50, "cleared": 100, "overdue": 0, "without a date": 0}


def test_rows_without_a_date_are_found_by_the_index_of_their_column(house: House) -> None:
    house.say(PLAIN + "create index log_at on log (at)")
    house.say("insert into log select n, '2026-11-20' from generate_series(1, 500) n")
    house.say("insert into log values (501, null), (502, '-infinity'), (503, 'infinity')")
    house.promise(LOG)
    seen = PROMISE.survey(house.system(), NOW, None)
    [bound] = [one.bound for one in seen.counted]
    with psycopg.connect(house.admin, autocommit=True) as conn:
        asking = count_undated("log", bound)
        assert conn.execute(asking).fetchone() == (2,)
        conn.execute("set enable_seqscan = off")
        plan = conn.execute(sql.SQL("explain {}").format(asking)).fetchall()
    assert "Index Cond" in str(plan)


ORDERS = """
    create table orders (id int primary key, at date);
    create table items (id int primary key, order_id int references orders, at date);
    create index on items (order_id);
    insert into orders select n, '2020-01-01' from generate_series(1, 3000) n;
"""


def test_whether_the_survey_saw_rows_is_asked_of_whole_blocks_and_not_of_each_row(
    house: House,
) -> None:
    house.say(PLAIN + ROWS)
    house.promise(LOG)
    with closing(house.system().connect("test")) as conn:
        (bound,), _ = rules.bind(house.policy, catalog.read(conn), NOW, None)
        asked = sql.SQL("explain {}").format(fix("log", bound, Held(None, {})))
        told = [row[0] for row in conn.execute(asked, fixed.of(bound, "5:5:", ())).fetchall()]
    assert any("(born)::text" in line for line in told)
    assert not any("(xmin)::text" in line for line in told)


def test_a_referenced_row_is_passed_by_and_named_and_all_others_go(house: House) -> None:
    house.say(ORDERS + "insert into items values (1, 17, '2026-11-01'), (2, 2999, '2026-11-01')")
    house.promise(("orders", "90 days", "at", "delete"))
    [note] = house.plan().decision.notes
    assert note.startswith(
        "orders: 2 overdue rows are still referenced from items (items_order_id_fkey)"
    )
    outcome = house.run()
    assert (outcome.counts["deleted"], outcome.counts["overdue"]) == (2998, 2)
    [failure] = outcome.failures
    assert (
        failure.what == "2 rows still overdue; still referenced: 2 from items (items_order_id_fkey)"
    )
    assert house.ask("select id from orders") == [(17,), (2999,)]


def test_what_references_goes_first_and_rows_that_reference_each_other_from_the_end(
    house: House,
) -> None:
    house.say(ORDERS + "insert into items select n, n, '2020-01-01' from generate_series(1, 40) n")
    house.say(
        "create table thread (id int primary key, reply_to int references thread, at date);"
        "create index on thread (reply_to);"
        "insert into thread select n, nullif(n - 1, 0), '2020-01-01' from generate_series(1, 6) n"
    )
    house.promise(*((t, "90 days", "at", "delete") for t in ("orders", "items", "thread")))
    outcome = house.run()
    assert (outcome.verdict, outcome.counts["deleted"]) == (Verdict.PASS, 3046)


def test_a_reference_that_comes_while_it_runs_keeps_one_row_and_no_other(house: House) -> None:
    house.say(ORDERS)
    # Its key is no text that says `=` of it: only the server knows that the row is referenced.
    house.say(
        "create extension citext; create table users (mail citext primary key, at date);"
        "create table notes (mail citext references users);"
        "insert into users select 'u' || n, '2020-01-01' from generate_series(1, 300) n;"
        "insert into notes values ('U7')"
    )
    house.promise(("users", "90 days", "at", "delete"))
    outcome = house.run()
    assert house.ask("select mail from users") == [("u7",)]
    assert (outcome.verdict, outcome.counts["deleted"]) == (Verdict.FAIL, 299)


def test_without_an_index_to_what_references_nothing_is_begun(house: House) -> None:
    house.say(
        ORDERS + "drop index items_order_id_idx;"
        "insert into items select n, null, '2026-11-01' from generate_series(1, 40000) n"
    )
    house.promise(("orders", "90 days", "at", "delete"))
    [failure] = house.run().failures
    assert (
        "MB of items would be read: no index leads to them by items_order_id_fkey" in failure.what
    )
    assert failure.hint == "Create one: `create index concurrently on items (order_id)`."
    assert house.number("select count(*) from orders") == 3000
    house.say("create index on items (order_id)")
    assert house.run().verdict is Verdict.PASS


def test_a_table_that_keeps_its_rows_is_named_and_nobody_is_blamed_for_locks(house: House) -> None:
    house.say(
        PLAIN + "insert into log select n, '2020-01-01' from generate_series(1, 30) n;"
        "create function soft() returns trigger language plpgsql as $$ begin"
        " if old.id < 4 then return null; end if; return old; end $$;"
        "create trigger soft before delete on log for each row execute function soft()"
    )
    house.promise(LOG, does="refuses")
    outcome = house.run()
    [failure] = outcome.failures
    assert outcome.counts["deleted"] == 27
    assert (
        failure.what == "3 rows did not go, though nobody holds them: the table does not let them"
    )


def test_batches_are_as_long_as_a_moment_whatever_a_row_costs(house: House) -> None:
    house.say(
        PLAIN
        + "insert into log select n, '2020-01-01', repeat('x', 1000) from generate_series(1, 60) n;"
        "create function slow() returns trigger language plpgsql as $$ begin"
        " perform pg_sleep(0.03); return old; end $$;"
        "create trigger slow before delete on log for each row execute function slow()"
    )
    house.promise(LOG)
    assert house.run().verdict is Verdict.PASS
    batches = [
        rows
        for (rows,) in house.ask(
            "select (counts ->> 'rows')::int from lifecycle.evidence where event = 'retention.deleted' order by at"
        )
    ]
    assert sum(batches) == 60
    assert max(batches[2:]) <= 10  # a busy machine makes a batch short, and the next one longer


def test_overdue_rows_on_another_server_are_counted_and_named_and_left(house: House) -> None:
    name = conninfo_to_dict(house.admin)
    house.say(
        "create table log (id int, at date) partition by range (at);"
        "create table near partition of log for values from ('2021-01-01') to ('2022-01-01');"
        "create table there (id int, at date); insert into there values (1, '2020-05-05');"
        "insert into log values (2, '2021-05-05');"
        "create extension postgres_fdw;"
        f"create server other foreign data wrapper postgres_fdw options (host '{name['host']}', port '{name['port']}',"
        f" dbname '{name['dbname']}');"
        f"create user mapping for public server other options (user '{name['user']}', password_required 'false');"
        "create foreign table far partition of log for values from ('2020-01-01') to ('2021-01-01') server other"
        " options (table_name 'there')"
    )
    house.promise(LOG)
    outcome = house.run()
    assert outcome.counts["deleted"] == 1
    assert [f.what for f in outcome.failures] == ["1 overdue row in far, a foreign table"]
    assert house.number("select count(*) from there") == 1


def test_a_rule_speaks_of_the_rows_with_its_values_alone(house: House) -> None:
    house.say(
        "create type state as enum ('open', 'done', 'failed');"
        "create table jobs (id int primary key, at timestamptz, state state, expires_at timestamptz);"
        "insert into jobs values (1, '2020-01-01', 'open', null), (2, '2020-01-01', 'done', null),"
        " (3, '2020-01-01', 'failed', null), (4, '2026-11-01', 'done', '2026-11-21 11:59Z'),"
        " (5, '2026-11-01', 'open', '2026-11-21 12:00Z'), (6, null, 'open', null)"
    )
    house.promise(
        {"table": "jobs", "after": "90 days", "by": "at", "where": {"state": ("done", "failed")}},
        {"table": "jobs", "expires": "expires_at", "where": {"state": "done"}},
    )
    outcome = house.run()
    assert [row for (row,) in house.ask("select id from jobs order by id")] == [1, 5, 6]
    assert outcome.counts["without a date"] == 0
    assert outcome.verdict is Verdict.PASS
    labels = [step.target for step in house.plan(NOW.replace(year=2027)).decision.steps]
    assert labels == []


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("{table: t, do: delete, because: x}", "must say when it ends"),
        (
            "{table: t, after: 90 days, expires: at, do: delete, because: x}",
            "must say when it ends",
        ),
        (
            "{table: t, by: at, expires: at, do: delete, because: x}",
            "`by` starts the clock of `after`",
        ),
        ("{table: t, expires: at, zone: Mars/Base, do: delete, because: x}", "Mars/Base"),
    ],
)
def test_a_rule_that_says_two_things_or_none_is_a_mistake(
    tmp_path: Path, rule: str, says: str
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(
        f"system: s\ndatabase: d\ntables:\n  t: {{personal: none, because: x}}\nretention:\n  - {rule}\n"
    )
    with pytest.raises(InputError, match=re.escape(says)):
        load.policy(file)


def test_rows_through_the_table_that_no_leaf_shows_are_counted(house: House) -> None:
    house.say(
        "create table log (id int, at date) partition by range (at);"
        "create table old partition of log for values from ('2020-01-01') to ('2021-01-01');"
        "create table older partition of log for values from ('2019-01-01') to ('2020-01-01');"
        "insert into log values (1, '2020-05-05'), (2, '2019-05-05'), (3, '2019-05-06')"
    )
    house.promise(LOG)
    house.say("revoke all on older from lifecycle")
    outcome = house.run()
    why = {place["place"]: place["why"] for place in unseen(outcome)}
    assert why["rows through log"] == "2 overdue rows in partitions that were not counted"
    assert outcome.counts["deleted"] == 1


def test_the_clock_a_clearing_would_wind_up_is_refused_by_the_check(house: House) -> None:
    house.say(
        PLAIN
        + "create function touch() returns trigger language plpgsql as $$ begin new.at := now(); return new; end $$;"
        "create trigger touch before update on log for each row execute function touch();"
        "create table local (id int, at timestamp)"
    )
    house.promise(
        ("log.value", "90 days", "at", "clear"),
        ("log", "2 years", "at", "delete"),
        does="sets at",
        zone="Asia/Kolkata",
    )
    with psycopg.connect(house.admin) as conn:
        found = [m.what for m in reality.compare(house.policy, catalog.read(conn)).mistakes]
    assert any("trigger touch sets at when this is cleared" in what for what in found)
    house.promise(("local", "90 days", "at", "delete"), zone="Asia/Kolkata")
    with psycopg.connect(house.admin) as conn:
        found = [m.what for m in reality.compare(house.policy, catalog.read(conn)).mistakes]
    assert any("has no time zone, and the policy's is Asia/Kolkata" in what for what in found)


def test_a_leaf_that_is_being_detached_is_named_and_stops_no_other(house: House) -> None:
    """Finding 24: "1 row would have changed where the plan has 0" helped nobody, and nothing of the rule ended."""
    house.say(
        """
        create table log (id int, at timestamptz) partition by range (at);
        create table log_old partition of log for values from ('2019-01-01') to ('2021-01-01');
        create table log_new partition of log for values from ('2021-01-01') to ('2030-01-01');
        insert into log values (1, '2020-01-01'), (2, '2022-01-01')
        """
    )
    house.promise(
        {"table": "log", "by": "at", "after": "90 days", "do": "delete", "because": "old"}
    )
    with (
        psycopg.connect(house.admin) as reader,
        psycopg.connect(house.admin, autocommit=True) as conn,
    ):
        reader.execute("select from log limit 1")
        conn.execute("set lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            conn.execute("alter table log detach partition log_old concurrently")
    outcome = house.run()
    assert outcome.verdict is Verdict.UNVERIFIED
    assert house.ask("select count(*) from only log_old union all select count(*) from log") == [
        (1,),
        (0,),
    ]
    assert outcome.failures == ()
    [place] = unseen(outcome)
    assert "log_old" in place["place"]
    assert place["why"].startswith("its detach was begun and not finished")
