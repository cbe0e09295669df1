"""Partitions that are made many in one transaction: what one of them cannot, stops no other."""

from datetime import timedelta

import pytest

from lifecycle.postgres import waits
from tests.database.shop import EVENTS, Shop, held


def tables(shop: Shop, *names: str) -> None:
    for name in names:
        shop.say(
            f"create table {name} (id int, at date not null) partition by range (at);"
            f"alter table {name} owner to shop_owner"
        )


def transactions(shop: Shop) -> tuple[int, int]:
    """Return how many partitions the ledger has as made, and in how many transactions that was."""
    [(made, times)] = shop.ask(
        "select count(*), count(distinct xmin::text) from lifecycle.evidence where event = 'partitions.created'"
    )
    return made, times


def test_partitions_of_several_tables_are_made_in_one_transaction_each_with_its_evidence(
    shop: Shop,
) -> None:
    tables(shop, "a", "b", "c")
    shop.promise(a=("at", "year", 2), b=("at", "year", 2), c=("at", "year", 2))
    assert shop.run().failures == ()
    assert [len(shop.partitions(name)) for name in "abc"] == [3, 3, 3]
    assert transactions(shop) == (9, 1)


def test_one_that_cannot_be_made_is_named_and_stops_no_other(shop: Shop) -> None:
    tables(shop, "a", "b", "c")
    shop.say(
        "create function no() returns event_trigger language plpgsql as $$ begin"
        "  if exists (select from pg_event_trigger_ddl_commands() where object_identity = 'public.b_2027') then"
        "    raise exception 'no'; end if;"
        "end $$; create event trigger no on ddl_command_end when tag in ('CREATE TABLE') execute function no()"
    )
    shop.promise(a=("at", "year", 2), b=("at", "year", 2), c=("at", "year", 2))
    [failure] = shop.run().failures
    assert failure.what.startswith("b_2027 was not made")
    assert [len(shop.partitions(name)) for name in "abc"] == [3, 2, 3]
    made, times = transactions(shop)
    assert made == 8
    assert times < made


def test_a_lock_that_does_not_come_defers_its_table_alone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waits, "PATIENCE", timedelta(seconds=1))
    tables(shop, "a", "b", "c")
    shop.promise(a=("at", "year", 2), b=("at", "year", 2), c=("at", "year", 2))
    with held(shop, "lock table b in share update exclusive mode"):
        [failure] = shop.run().failures
    assert failure.target == "b"
    assert "deferred" in failure.what
    assert [len(shop.partitions(name)) for name in "abc"] == [3, 0, 3]


def test_a_table_that_others_are_tied_to_is_made_with_no_other_tables(shop: Shop) -> None:
    shop.say(EVENTS)
    tables(shop, "a")
    shop.promise(a=("at", "year", 2), events=("at", "year", 2))
    assert shop.run().failures == ()
    assert transactions(shop) == (6, 2)
    children = shop.partitions("events")
    assert len(children) == 3
    [found] = shop.ask(
        "select count(*), bool_and(relrowsecurity and relforcerowsecurity), bool_and(relreplident = 'f'),"
        " count(distinct relacl::text),"
        " (select count(*) from pg_policy join pg_inherits on inhrelid = polrelid where inhparent = 'events'::regclass)"
        " from pg_class join pg_inherits on inhrelid = oid where inhparent = 'events'::regclass"
    )
    assert found == (3, True, True, 1, 6)
