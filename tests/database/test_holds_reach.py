"""A hold holds what it names in whatever way it is spelled, dated or renamed, in nobody's way, and no key is said aloud."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from lifecycle.admin import install
from lifecycle.errors import Conflict
from lifecycle.holds import findings, gate, place
from lifecycle.holds.cli import day_begins
from lifecycle.holds.hold import What
from lifecycle.outcome import Verdict
from lifecycle.policy import whole
from lifecycle.postgres import catalog
from lifecycle.postgres.server import Cluster
from retention.section import SECTION as RETENTION
from tests.database.test_holds import hold
from tests.house import LOG, PLAIN, House

ANN, BOB = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
OLD = "insert into log values (1, '2020-01-01', 'x')"


@pytest.fixture
def house(ledger: str) -> House:
    return House(ledger)


def people(house: House, kind: str = "person", key: str = "uuid") -> None:
    """Make people who own rows of `log`, and a rule that ends these."""
    house.say(
        f"create table if not exists person (id {key} primary key, email text);"
        f"create table if not exists log (id int primary key, at timestamptz, person_id {key} references person);"
        "create index if not exists log_of on log (person_id)"
    )
    document: dict[str, Any] = {
        "system": "house",
        "database": house.policy.database,
        "subjects": {kind: {"table": "person", "key": "id", "identifiers": ["email"]}},
        "tables": {"person": {"owner": {kind: "id"}}, "log": {"owner": {kind: "person_id"}}},
    }
    policy = whole.model().model_validate_json(json.dumps(document))
    house.policy = policy.model_copy(update={"retention": RETENTION.of(house.policy)})
    with psycopg.connect(house.admin, autocommit=True) as conn:
        install.install(conn, house.policy, catalog.read(conn), None)


@pytest.fixture
def peopled(house: House) -> House:
    house.say(PLAIN)
    house.promise(LOG)
    house.say("drop table log")
    people(house)
    house.say(
        f"insert into person values ('{ANN}', 'a@example.org'), ('{BOB}', 'b@example.org');"
        f"insert into log values (1, '2020-01-01', '{ANN}'), (2, '2020-01-01', '{BOB}'), (3, '2020-01-01', null)"
    )
    return house


def left(house: House) -> set[int]:
    return {row for (row,) in house.ask("select id from log")}


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Europe/Berlin", "UTC", "America/Los_Angeles"])
@pytest.mark.parametrize("written", ["date", "timestamp", "timestamptz"])
def test_a_span_holds_its_first_and_its_last_moment_in_every_zone(
    house: House, zone: str, written: str
) -> None:
    local = ZoneInfo(zone)
    first, last = (
        datetime(2020, 1, 1, 0, 0, tzinfo=local),
        datetime(2020, 1, 3, 23, 59, 59, tzinfo=local),
    )
    for writer in (local, UTC) if written == "timestamp" else (local,):
        values = [
            at.isoformat()
            if written == "timestamptz"
            else at.astimezone(writer).replace(tzinfo=None).isoformat()
            for at in (first, last)
        ]
        house.say(
            f"drop table if exists log; create table log (id int primary key, at {written});"
            f"insert into log values (1, '{values[0]}'), (2, '{values[1]}'), (3, '2020-01-09'), (4, '2019-12-20')"
        )
        house.promise(
            {"table": "log", "after": "90 days", "by": "at", "zone": zone} | {"do": "delete"},
            zone=zone,
        )
        span = What(
            "span",
            table="log",
            column="at",
            since=day_begins("2020-01-01", local),
            before=day_begins("2020-01-04", local),
        )
        hold(house.system(), span)
        house.run()
        assert left(house) == {1, 2}


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("uuid", ANN, ANN.upper()),
        ("char(6)", "ab", "ab"),
        ("numeric(8,2)", "7", "7"),
        ("timestamptz", "2020-01-01 00:00Z", "2020-01-01T01:00:00+01:00"),
        ("text", "Clinic A", "clinic a"),
        ("bool", "true", "yes"),
    ],
)
def test_a_value_is_held_however_it_is_spelled(
    house: House, column: str, value: str, said: str
) -> None:
    house.say(
        f"create table log (id int primary key, at timestamptz, tenant {column}); create table o (tenant int);"
    )
    house.say(f"insert into log values (1, '2020-01-01', '{value}'), (2, '2020-01-01', null)")
    house.promise(LOG)
    hold(house.system(), What("value", column="tenant", key=said))
    assert house.run().counts["on hold"] == 1
    assert left(house) == {1}


def test_a_rename_ends_no_hold_and_is_named_until_it_is_placed_anew(house: House) -> None:
    house.say(PLAIN + OLD)
    house.promise(LOG)
    hold(house.system(), What("value", column="value", key="x"))
    house.say("alter table log rename column value to client")
    house.promise(LOG)
    for _ in range(2):
        outcome = house.run()
        assert outcome.verdict is Verdict.FAIL
        assert [f.target for f in outcome.failures] == ["hold 1"]
        assert left(house) == {1}
    [look] = findings.FINDINGS.values()
    assert [f.verdict for f in look(house.system())] == [Verdict.FAIL]


@pytest.mark.parametrize("rename", ["alter table log rename to journal", "drop table log"])
def test_a_table_that_is_gone_under_its_hold_stops_what_may_be_it(
    house: House, rename: str
) -> None:
    house.say(
        PLAIN
        + OLD
        + "; create table other (like log including all); insert into other select * from log"
    )
    house.promise(LOG)
    hold(house.system(), What("table", table="log"))
    house.say(rename)
    house.promise(("other", "90 days", "at", "delete"))
    assert [f.target for f in house.run().failures] == ["hold 1"]
    assert house.number("select count(*) from other") == 1


def test_a_kind_of_people_that_is_called_otherwise_holds_on(peopled: House) -> None:
    hold(peopled.system(), What("person", subject="person", key=ANN))
    people(peopled, kind="patient")
    outcome = peopled.run()
    assert [f.target for f in outcome.failures] == ["hold 1"]
    assert left(peopled) == {1, 2, 3}


def test_what_is_nobodys_ends_beside_a_person_on_hold(peopled: House) -> None:
    hold(peopled.system(), What("person", subject="person", key=ANN))
    outcome = peopled.run()
    assert left(peopled) == {1}
    assert (outcome.counts["deleted"], outcome.counts["on hold"]) == (2, 1)


def test_no_key_of_anybody_on_hold_stands_in_the_servers_log(
    peopled: House, cluster: Cluster
) -> None:
    hold(peopled.system(), What("person", subject="person", key=ANN))
    before = cluster.log.stat().st_size
    with psycopg.connect(peopled.admin) as other:
        other.execute("select from log where id = 2 for update")
        peopled.run()
    with cluster.log.open("rb") as log:
        log.seek(before)
        said = log.read().decode()
    assert "delete from only" in said  # the statement that had to wait is there
    assert ANN not in said


def test_who_only_reads_the_holds_is_in_nobodys_way(house: House) -> None:
    house.say(PLAIN + OLD)
    house.promise(LOG)
    with psycopg.connect(house.admin) as reading:
        reading.execute("select * from lifecycle.hold, lifecycle.hold_release")
        with house.system().connect("test") as conn, conn.transaction():
            gate.known(conn)
            hold(house.system(), What("table", table="log"))
    assert house.run().counts["on hold"] == 1


def test_a_new_hold_keeps_nobody_waiting_while_it_waits_for_those_at_work(house: House) -> None:
    house.say(PLAIN + OLD)
    house.promise(LOG)
    system = house.system()
    with system.connect("test") as conn, conn.transaction():
        gate.standing(conn)
        one = threading.Thread(target=hold, args=(system, What("table", table="log")))
        one.start()
        one.join(0.3)
        assert one.is_alive()
        assert house.run().counts["on hold"] == 1  # begins, sees it, and ends, meanwhile
    one.join(10)
    assert not one.is_alive()


def test_a_hold_that_waited_in_vain_says_that_it_is_placed_and_what_it_could_not_stop(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.say(PLAIN)
    house.promise(LOG)
    monkeypatch.setattr(place, "PATIENCE", place.PATIENCE / 1000)
    with house.system().connect("test") as conn, conn.transaction():
        gate.standing(conn)
        with pytest.raises(Conflict, match="hold 1 is placed, and a run that had begun"):
            hold(house.system(), What("table", table="log"))
    with house.system().connect("test") as conn:
        assert [one.number for one in gate.known(conn)] == [1]
        assert gate.readable(conn) == gate.known(conn)


def test_many_people_on_hold_cost_about_as_much_as_one(peopled: House) -> None:
    calls: list[int] = []

    def asked(number: int) -> Iterator[None]:
        from lifecycle import rooms

        [(_, room)] = rooms.load("whose")
        real = room.rows_of

        def rows_of(*args: Any) -> Any:
            calls[-1] += 1
            return real(*args)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(room, "rows_of", rows_of)
            calls.append(0)
            with peopled.system().connect("test") as conn:
                gate.on(gate.known(conn), peopled.policy, catalog.read(conn), "log")
        yield

    system = peopled.system()
    hold(system, What("person", subject="person", key=ANN))
    list(asked(1))
    for _ in range(20):
        hold(system, What("person", subject="person", key=BOB))
    list(asked(21))
    assert calls == [1, 1]
    assert peopled.run().counts["on hold"] == 2


def test_a_hidden_release_of_a_hold_undoes_the_batch_in_which_it_came(house: House) -> None:
    house.say(
        PLAIN
        + OLD
        + "; create table kept (id int); create function open_up() returns trigger language plpgsql as $$ begin"
        " execute 'select lifecycle.release_hold(1, ''because'', ''me'')'; return old; end $$;"
        "create trigger opens before delete on log for each row execute function open_up()"
    )
    house.promise(LOG)
    hold(house.system(), What("table", table="kept"))
    assert any("emptied or altered" in failure.what for failure in house.run().failures)
    with house.system().connect("test") as conn:
        assert [one.number for one in gate.known(conn)] == [1]
    assert left(house) == {1}
