"""What a transaction writes after a savepoint that was there before a detach is as new as all else that comes after it."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.partitions import take_off
from lifecycle.partitions.ends import Done
from lifecycle.postgres import waits
from tests.database.shop import Shop, held
from tests.database.test_partition_ends import (
    LATER,
    TABLES,
    attached_again,
    dropped,
    ledger,
    taken_off,
    unfinished,
)
from tests.waiting import wait_until

LATE = (
    "insert into events_2020 (id, person, at) overriding system value values (777, 1, '2020-05-05')"
)
SAVEPOINT = "savepoint s{0}; insert into other values ({0});"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "PATIENCE", timedelta(seconds=0.4))


@pytest.fixture
def events(shop: Shop) -> Shop:
    """A shop with partitions, and a table that nobody asks about."""
    shop.say(TABLES)
    shop.say("set role shop_owner; create table other (x int)")
    shop.promise(events=("at", "year", 1))
    return shop


@pytest.fixture
def app(events: Shop) -> Generator[Connection[TupleRow]]:
    """A transaction of the application's that has written elsewhere, and goes on."""
    with psycopg.connect(events.admin) as conn:
        conn.execute("set role shop_owner; insert into other values (0)")
        yield conn
        conn.rollback()


def stays(shop: Shop) -> None:
    """It is not dropped, and the row is there."""
    [failure] = dropped(shop).failures
    assert "somebody has put rows into it, or changed some, since it was taken off" in failure.what
    assert "attached again, it ends with them" in failure.hint
    assert shop.ask("select at::text from events_2020 where id = 777") == [("2020-05-05",)]


@pytest.mark.parametrize("deep", [0, 1, 3, 70])
def test_a_row_from_a_savepoint_that_was_open_at_the_detach_keeps_its_partition(
    events: Shop, app: Connection[TupleRow], deep: int
) -> None:
    """With more than 64 PostgreSQL itself no longer has them all at hand."""
    app.execute("".join(SAVEPOINT.format(n) for n in range(deep)).encode())
    assert taken_off(events, "events_2020") == Done(("events_2020",), ())
    app.execute(LATE)
    app.commit()
    stays(events)


def test_a_row_that_was_changed_in_a_block_with_an_exception_keeps_its_partition(
    events: Shop,
) -> None:
    """PL/pgSQL makes a savepoint of each: it had its number before the detach, and changes a row after it."""
    events.say("""
        set role shop_owner;
        create function waits() returns void language plpgsql set search_path = public as $$ begin
            begin
                insert into other values (1);
                perform pg_advisory_lock(42);
                update events_2020 set person = null where id = (select min(id) from events_2020);
            exception when division_by_zero then null; end;
        end $$
    """)
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    with psycopg.connect(events.admin) as gate, ThreadPoolExecutor(1) as beside:
        gate.execute("select pg_advisory_lock(42)")
        block = beside.submit(events.say, "set role shop_owner; select public.waits()")
        wait_until(lambda: events.ask(waiting) == [(1,)])
        assert taken_off(events, "events_2020").failures == ()
        gate.rollback()
        gate.execute("select pg_advisory_unlock(42)")
        block.result()
    [failure] = dropped(events).failures
    assert "somebody has put rows into it, or changed some" in failure.what


def test_what_comes_between_a_detach_and_its_note_keeps_the_partition(
    events: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is killed in between, the application writes there by the partition's own name, and the next run notes it."""

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(take_off, "_end", dies)
        with pytest.raises(KeyboardInterrupt):
            taken_off(events, "events_2020")
    events.say(LATE)
    done = take_off.carry_out(events.task(LATER), unfinished(events))
    assert done == Done(("events_2020",), ())
    stays(events)


def test_what_comes_while_a_detach_is_pending_keeps_the_partition(events: Shop) -> None:
    """Nobody finds such a row by the table: it came after."""
    elsewhere = "select from events where at > '2022-01-01' limit 1"
    with held(events, f"set transaction isolation level repeatable read; {elsewhere}"):
        [failure] = taken_off(events, "events_2020").failures
        assert failure.what.startswith("deferred: no lock on")
    events.say(LATE)
    done = take_off.carry_out(events.task(LATER), unfinished(events))
    assert done == Done(("events_2020",), ())
    stays(events)


def test_beside_a_transaction_that_is_long_under_way_what_was_there_goes(
    events: Shop, app: Connection[TupleRow]
) -> None:
    """A late row of another transaction, and of its savepoint, had committed before the detach."""
    events.say("""
        begin;
        insert into events (person, at) values (1, '2020-06-06');
        savepoint one; insert into events (person, at) values (1, '2020-07-07');
        savepoint two; insert into events (person, at) values (1, '2020-08-08'); rollback to two;
        commit
    """)
    assert taken_off(events, "events_2020").failures == ()
    assert dropped(events) == Done(("events_2020",), ())
    app.execute("insert into other values (1)")  # it is still under way


@pytest.mark.slow
def test_where_nobody_can_tell_what_had_committed_attaching_again_is_the_way_out(
    events: Shop, app: Connection[TupleRow]
) -> None:
    """A million transactions have begun since the oldest that is under way: what came since may be old or new."""
    events.say("""
        do $$ begin for n in 1..1000001 loop
            begin insert into other values (n); exception when division_by_zero then null; end;
        end loop; end $$
    """)
    events.say(LATE)
    assert taken_off(events, "events_2020").failures == ()
    assert taken_off(events, "events_2021").failures == ()
    app.commit()
    assert events.ask("select pg_snapshot_xip(snapshot)::text from lifecycle.detached") == []
    stays(events)
    assert ledger(events) == [("events_2020", None), ("events_2021", "dropped")]
    attached_again(events)
    assert dropped(events).failures == ()
    assert taken_off(events, "events_2020").failures == ()
    assert dropped(events) == Done(("events_2020",), ())
