"""Partitions that lie where, and as, the policy says; and that reach as far ahead as it says, in time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lifecycle.errors import InputError
from lifecycle.outcome import Verdict
from lifecycle.partitions.promise import PROMISE
from lifecycle.partitions.rule import Partitioning
from lifecycle.policy import load
from tests.database.shop import EVENTS, NOW, Shop
from tests.keep import plan

SLOW = "Slow disks"
STORED: dict[str, Any] = {
    "tablespace": SLOW,
    "parameters": {
        "fillfactor": 90,
        "autovacuum_vacuum_scale_factor": 0.02,
        "toast.autovacuum_enabled": False,
    },
}
MONTHLY: dict[str, Any] = {"by": "at", "every": "month", "ahead": 1}


@pytest.fixture
def shop(ledger: str, tmp_path: Path) -> Iterator[Shop]:
    """With a tablespace, which is a server's: it is gone afterwards."""
    made = Shop(ledger, tmp_path)
    made.say(EVENTS)
    with psycopg.connect(ledger, autocommit=True) as conn:
        conn.execute("set allow_in_place_tablespaces = on")
        conn.execute(f"create tablespace \"{SLOW}\" location ''".encode())
        conn.execute(f'grant create on tablespace "{SLOW}" to shop_owner'.encode())
    yield made
    with psycopg.connect(ledger, autocommit=True) as conn:
        conn.execute("drop table events")
        conn.execute(f'drop tablespace "{SLOW}"'.encode())


def promise(shop: Shop, **said: Any) -> None:
    shop.promise(events=("at", "month", 1))
    known = {"events": Partitioning.model_validate(MONTHLY | said)}
    shop.policy = shop.policy.model_copy(update={"partitions": known})


def stored(shop: Shop) -> dict[str, tuple[str | None, list[str] | None, list[str] | None]]:
    return {
        name: tuple(rest)  # pyright: ignore[reportReturnType]
        for name, *rest in shop.ask("""
            select relid::regclass::text, s.spcname, c.reloptions, t.reloptions
              from pg_partition_tree('events') join pg_class c on c.oid = relid
              left join pg_tablespace s on s.oid = c.reltablespace
              left join pg_class t on t.oid = c.reltoastrelid
             where level > 0 order by 1""")
    }


def test_a_partition_lies_in_its_tablespace_with_its_parameters_and_has_all_else_of_its_parent(
    shop: Shop,
) -> None:
    promise(shop, stored=STORED)
    outcome = shop.run()
    assert (outcome.failures, outcome.verdict) == ((), Verdict.PASS)
    lies = (
        SLOW,
        ["fillfactor=90", "autovacuum_vacuum_scale_factor=0.02"],
        ["autovacuum_enabled=false"],
    )
    assert stored(shop) == {"events_2026_11": lies, "events_2026_12": lies}
    assert shop.ask(
        "select count(*) from pg_policy where polrelid = 'events_2026_12'::regclass"
    ) == [(2,)]
    assert plan(PROMISE, shop.system(), NOW).decision.steps == ()


def test_what_the_policy_says_goes_before_the_tablespace_of_the_table_and_of_it_alone_all_is_taken(
    shop: Shop,
) -> None:
    """Also where it says the database's own, which PostgreSQL writes down as none."""
    shop.say(f'alter table events set tablespace "{SLOW}"')
    promise(shop, stored={"tablespace": "pg_default"})
    assert shop.run().verdict is Verdict.PASS
    assert {place for place, _, _ in stored(shop).values()} == {None}
    promise(shop, ahead=2)
    assert shop.run().verdict is Verdict.PASS
    assert stored(shop)["events_2027_01"] == (SLOW, None, None)


def test_of_a_partition_that_is_partitioned_again_the_leaves_have_the_parameters(
    shop: Shop,
) -> None:
    shop.say("alter table events drop constraint events_pkey")
    promise(shop, stored=STORED, then={"by": "person", "hash": 2})
    assert shop.run().verdict is Verdict.PASS
    found = stored(shop)
    assert found["events_2026_12"] == (SLOW, None, None)
    assert found["events_2026_12_1"][:2] == (
        SLOW,
        ["fillfactor=90", "autovacuum_vacuum_scale_factor=0.02"],
    )


HEAP2 = "create access method heap2 type table handler heap_tableam_handler"
METHODS = """
    select relid::regclass::text, m.amname
      from pg_partition_tree('events') join pg_class c on c.oid = relid left join pg_am m on m.oid = c.relam
     where isleaf order by 1"""


def test_leaves_have_the_access_method_that_the_policy_says(shop: Shop) -> None:
    shop.say(HEAP2 + "; alter table events drop constraint events_pkey")
    promise(shop, stored={"access_method": "heap2"}, then={"by": "person", "hash": 2})
    outcome = shop.run()
    assert (outcome.failures, outcome.verdict) == ((), Verdict.PASS)
    found = shop.ask(METHODS)
    assert len(found) == 4
    assert {method for _, method in found} == {"heap2"}


def test_a_partition_has_the_access_method_of_its_table_where_that_can_have_one(shop: Shop) -> None:
    """From PostgreSQL 17 on. One that is there already keeps its own, also when it is mended."""
    shop.say(HEAP2)
    promise(shop)
    assert shop.run().verdict is Verdict.PASS
    with psycopg.connect(shop.admin, autocommit=True) as conn:
        new = conn.info.server_version >= 170000
        if new:
            conn.execute("alter table events set access method heap2")
    promise(shop, ahead=2)
    assert shop.run().verdict is Verdict.PASS
    assert dict(shop.ask(METHODS)) == {
        "events_2026_11": "heap",
        "events_2026_12": "heap",
        "events_2027_01": "heap2" if new else "heap",
    }


@pytest.mark.parametrize(
    ("change", "said", "hint"),
    [
        (
            {"access_method": "columns"},
            "there is no access method columns of tables",
            "stored.access_method",
        ),
        (
            {"access_method": "btree"},
            "there is no access method btree of tables",
            "stored.access_method",
        ),
        ({"tablespace": "nowhere"}, "there is no tablespace nowhere", "or have it made"),
        (
            {"tablespace": SLOW},
            f"shop_owner may not use tablespace {SLOW}",
            'grant create on tablespace "Slow disks" to shop_owner;',
        ),
        (
            {"parameters": {"fillfactor": 5}},
            "PostgreSQL takes no such value of one of fillfactor",
            "Correct `stored.parameters`",
        ),
    ],
)
def test_what_cannot_be_stored_so_is_said_and_nothing_half_made_is_left(
    shop: Shop, change: dict[str, Any], said: str, hint: str
) -> None:
    shop.say(f'revoke create on tablespace "{SLOW}" from shop_owner')
    promise(shop, stored=change)
    outcome = shop.run()
    assert outcome.verdict is Verdict.FAIL
    assert outcome.failures[0].what == f"events_2026_11 was not made: {said}"
    assert hint in outcome.failures[0].hint
    assert stored(shop) == {}
    assert shop.ask("select to_regclass('events_2026_11') is null") == [(True,)]


def test_partitions_reach_as_far_ahead_in_time_as_is_said(shop: Shop) -> None:
    promise(shop, ahead="100 days")  # from 2026-11-21: until 2027-03-01
    steps = plan(PROMISE, shop.system(), NOW).decision.steps
    assert [step.target[7:] for step in steps] == [
        "2026_11",
        "2026_12",
        "2027_01",
        "2027_02",
        "2027_03",
    ]
    assert "a partition for every month, 100 days ahead" in steps[0].reason
    assert shop.run().verdict is Verdict.PASS
    shop.say("drop table events_2027_03")
    assert [s.target for s in plan(PROMISE, shop.system(), NOW).decision.steps] == [
        "events_2027_03"
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "every: month, ahead: 30 days",
            "partitions.events: `ahead: 30 days` can be shorter than one partition",
        ),
        (
            "every: hour, ahead: 1 year",
            "partitions.events: `ahead: 1 year` can be more than 400 partitions",
        ),
        (
            "every: month, ahead: 3 moths",
            "partitions.events.ahead: '3 moths' is not a span of time",
        ),
        ("every: month, ahead: 500", "partitions.events.ahead: out of range; write at most 400"),
        ("every: month, ahead: true", "write a whole number or a span of time, like '90 days'"),
        ("every: month, ahead: 1, stored: {}", "`stored` says nothing"),
        ("every: month, ahead: 1, stored: {tablespace: pg_global}", "no table lies in pg_global"),
        (
            "every: month, ahead: 1, stored: {parameters: {filfactor: 90}}",
            "PostgreSQL knows no storage parameter 'filfactor' of a table",
        ),
        (
            "every: month, ahead: 1, stored: {parameters: {fillfactor: [90]}}",
            "stored.parameters.fillfactor: not of a kind",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_with_its_line(
    tmp_path: Path, line: str, said: str
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(
        f"system: shop\ndatabase: shop\ntables: {{}}\npartitions:\n  events: {{by: at, {line}}}\n"
    )
    with pytest.raises(InputError) as refused:
        load.policy(file)
    [told] = refused.value.what.replace(f"{tmp_path}/", "").splitlines()
    assert told.startswith("policy.yaml:5: ")
    assert said in told
