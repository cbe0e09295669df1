"""What a person does with a partition that a run was about to take off, or has taken off, stays as that person did it."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.outcome import Failure
from lifecycle.partitions import detach, drop, take_off
from lifecycle.partitions.ends import Done
from lifecycle.postgres import waits
from tests.database.shop import Shop
from tests.database.test_partition_ends import (
    LATER,
    TABLES,
    attached_again,
    dropped,
    due,
    ledger,
    plan,
    seen,
    taken_off,
    unfinished,
)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "PATIENCE", timedelta(seconds=0.4))


@contextmanager
def unseen(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Have the way look clear the first time, as it does where a lock comes a moment after the look."""
    real = waits._holders  # pyright: ignore[reportPrivateUsage]
    left = [1]

    def blind(
        conn: Connection[TupleRow], needs: tuple[waits.Need, ...]
    ) -> Mapping[str, tuple[int, ...]]:
        left[0] -= 1
        return {} if left[0] == 0 else real(conn, needs)

    with monkeypatch.context() as patched:
        patched.setattr(waits, "_holders", blind)
        yield


def test_who_takes_off_what_a_run_could_not_is_not_taken_for_that_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finding 6: the note of a detach that was deferred stayed, and the partition was dropped months later."""
    shop.say(TABLES)
    shop.promise(events=("at", "year", 1))
    step = plan(shop, "events_2020")
    with psycopg.connect(shop.admin) as vacuums, unseen(monkeypatch):
        vacuums.execute("lock table events in share update exclusive mode")
        [failure] = take_off.carry_out(shop.task(LATER), [step]).failures
    assert failure.what.startswith("deferred: no lock on events")
    assert ledger(shop) == [("events_2020", "not begun")]
    shop.say(
        "alter table events detach partition events_2020; grant select on events_2020 to shop_app"
    )
    assert unfinished(shop) == []
    assert (due(shop).steps, due(shop).notes) == ((), ())
    assert shop.ask("select has_table_privilege('shop_app', 'events_2020', 'select')") == [(True,)]


def killed_before_it_began(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(take_off.of_ends, "detach_concurrently", dies)
        with pytest.raises(KeyboardInterrupt):
            take_off.carry_out(shop.task(LATER), [plan(shop, "events_2020")])


def test_the_note_of_a_run_that_was_killed_is_taken_back_by_the_next(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.say(TABLES)
    shop.promise(events=("at", "year", 1))
    killed_before_it_began(shop, monkeypatch)
    assert take_off.carry_out(shop.task(LATER), unfinished(shop)) == Done((), ())
    assert ledger(shop) == [("events_2020", "not begun")]
    assert unfinished(shop) == []


def test_what_stands_alone_and_no_rule_ends_is_named_and_left(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.say(TABLES)
    shop.promise(events=("at", "year", 1))
    killed_before_it_began(shop, monkeypatch)
    shop.say("alter table events detach partition events_2020")
    [failure] = detach.begun(seen(shop), ())
    assert isinstance(failure, Failure)
    assert (
        "it stands alone as events_2020, and no rule ends it: nothing is done to it" in failure.what
    )
    shop.say("drop table events_2020")
    assert take_off.carry_out(shop.task(LATER), unfinished(shop)) == Done((), ())
    assert ledger(shop) == [("events_2020", "gone")]


def test_who_attaches_it_again_reads_how_to_give_back_what_it_lost(shop: Shop) -> None:
    """Finding 21: replication of it stopped without a word."""
    shop.say(TABLES)
    shop.promise(events=("at", "year", 1))
    shop.say(
        "create publication sends for table events_2020, events_2021; alter publication sends owner to shop_owner"
    )
    rights = """
        select relacl::text, array(select attacl::text from pg_attribute where attrelid = c.oid and attacl is not null),
               array(select pubname::text from pg_publication_tables where tablename = relname)
          from pg_class c where relname = 'events_2020'
    """
    before = shop.ask(rights)
    taken_off(shop, "events_2020", timedelta(days=7))
    attached_again(shop)
    assert shop.ask(rights) != before
    [note] = due(shop).notes
    said, _, statements = note.partition("; what it lost is given back by: ")
    assert (
        said == "events_2020: somebody has attached it again within its grace, so it is not dropped"
    )
    assert statements == (
        "alter publication sends add table public.events_2020; "
        "grant select (id) on public.events_2020 to shop_reader; grant select on public.events_2020 to shop_app"
    )
    shop.say("set role shop_owner; " + statements)
    assert sorted(shop.ask(rights)[0][0].strip("{}").split(",")) == sorted(
        before[0][0].strip("{}").split(",")
    )
    assert shop.ask(rights)[0][1:] == before[0][1:]
    assert dropped(shop).targets == ("events_2020",)  # forgotten
    assert due(shop).notes == ()


def test_all_locks_of_a_drop_together_are_waited_for_no_longer_than_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finding 16: `lock_timeout` is for one lock, and readers of the first table waited while six others were waited for."""
    shop.say(TABLES)
    shop.promise(events=("at", "year", 1))
    taken_off(shop, "events_2020")

    def slow(child: str) -> sql.Composed:
        wait = sql.SQL("do 'begin perform pg_sleep(1); end'; drop table {}")
        return wait.format(sql.Identifier("public", child))

    with monkeypatch.context() as patched:
        patched.setattr(drop.of_ends, "drop", slow)
        [failure] = dropped(shop).failures
    assert failure.what.startswith("deferred: no lock on events_2020")
    assert dropped(shop).targets == ("events_2020",)
