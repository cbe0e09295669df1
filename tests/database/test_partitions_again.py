"""Partitions that are partitioned again: each is made whole, with all that stands below it, or not at all."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lifecycle.outcome import Failure, Verdict
from lifecycle.partitions import detach, ends, statements
from lifecycle.partitions.promise import PROMISE
from lifecycle.partitions.rule import Partitioning
from lifecycle.partitions.section import SECTION
from lifecycle.policy.look import Look
from lifecycle.postgres import catalog, waits
from tests.database.shop import EVENTS, NOW, Shop
from tests.keep import plan

WIDER = EVENTS.replace("primary key (id, at)", "primary key (id, at, person)")
BY_PERSON: dict[str, Any] = {"by": "at", "every": "month", "ahead": 1} | {
    "then": {"by": "person", "hash": 4}
}


@pytest.fixture
def shop(ledger: str, tmp_path: Path) -> Shop:
    return Shop(ledger, tmp_path)


def promise(shop: Shop, table: str = "events", **rule: Any) -> None:
    known = {table: Partitioning.model_validate(BY_PERSON | rule)}
    shop.promise(**{table: ("at", "month", 1)})
    shop.policy = shop.policy.model_copy(update={"partitions": known})


def leaves(shop: Shop, table: str) -> list[str]:
    return [
        name
        for (name,) in shop.ask(
            f"select relid::regclass::text from pg_partition_tree('{table}') where isleaf order by 1"
        )
    ]


def test_each_partition_is_made_with_its_whole_set_and_rows_find_their_leaf(shop: Shop) -> None:
    shop.say(WIDER)
    promise(shop)
    steps = plan(PROMISE, shop.system(), NOW).decision.steps
    assert [step.target for step in steps] == ["events_2026_11", "events_2026_12"]
    assert "each with 4 partitions by hash of person" in steps[0].reason
    outcome = shop.run()
    assert (outcome.failures, outcome.verdict) == ((), Verdict.PASS)
    months = ("events_2026_11", "events_2026_12")
    assert leaves(shop, "events") == [f"{month}_{n}" for month in months for n in range(4)]
    shop.say("insert into people select generate_series(1, 40)")
    shop.say("insert into events (person, at) select n, '2026-12-03' from generate_series(1, 40) n")
    assert len(shop.ask("select distinct tableoid from events")) == 4
    assert plan(PROMISE, shop.system(), NOW).decision.steps == ()
    assert shop.evidence() == ["events_2026_11", "events_2026_12"]


def test_every_leaf_has_what_its_table_has(shop: Shop) -> None:
    shop.say(WIDER)
    promise(shop)
    assert shop.run().failures == ()
    for name in ("events_2026_12", *leaves(shop, "events_2026_12")):
        facts = shop.ask(f"""
            select pg_get_userbyid(relowner), relrowsecurity, relforcerowsecurity, relreplident,
                   (select count(*) from pg_policy where polrelid = c.oid),
                   (select count(*) from pg_trigger where tgrelid = c.oid and tgname = 'audit'),
                   (select count(*) from pg_constraint where conrelid = c.oid and contype in ('c', 'f', 'p')),
                   (select count(*) from pg_statistic_ext where stxrelid = c.oid),
                   has_table_privilege('shop_app', c.oid, 'insert'),
                   has_table_privilege('shop_reader', c.oid, 'select')
              from pg_class c where oid = '{name}'::regclass
        """)
        assert facts == [("shop_owner", True, True, "f", 2, 1, 3, 1, True, False)], name


def test_shorter_periods_reach_no_further_than_what_they_stand_below(shop: Shop) -> None:
    shop.say("set role shop_owner; create table log (at date not null) partition by range (at)")
    promise(shop, "log", every="month", ahead=1, then={"by": "at", "every": "week"})
    assert shop.run().failures == ()
    bounds = dict(
        shop.ask("""
            select c.relname, pg_get_expr(c.relpartbound, c.oid)
              from pg_partition_tree('log_2026_12') t join pg_class c on c.oid = t.relid where t.isleaf
        """)
    )
    assert bounds == {
        "log_2026_12_2026_w49": "FOR VALUES FROM ('2026-12-01') TO ('2026-12-07')",
        "log_2026_12_2026_w50": "FOR VALUES FROM ('2026-12-07') TO ('2026-12-14')",
        "log_2026_12_2026_w51": "FOR VALUES FROM ('2026-12-14') TO ('2026-12-21')",
        "log_2026_12_2026_w52": "FOR VALUES FROM ('2026-12-21') TO ('2026-12-28')",
        "log_2026_12_2026_w53": "FOR VALUES FROM ('2026-12-28') TO ('2027-01-01')",
    }


def test_rows_that_wait_in_the_default_partition_come_into_their_leaves(shop: Shop) -> None:
    shop.say(
        "set role shop_owner; create table log (id int not null, at date not null) partition by range (at);"
        "create table rest partition of log default;"
        "insert into log select n, '2026-12-05' from generate_series(1, 20) n"
    )
    promise(shop, "log", then={"by": "id", "hash": 2})
    assert shop.run().failures == ()
    assert shop.ask("select distinct tableoid::regclass::text from log order by 1") == [
        ("log_2026_12_0",),
        ("log_2026_12_1",),
    ]
    assert shop.ask("select count(*) from log") == [(20,)]


def test_a_set_by_lists_below_takes_what_the_policy_lists_and_is_judged_by_it(shop: Shop) -> None:
    shop.say(
        "set role shop_owner; create table log (land text not null, at date not null) partition by range (at)"
    )
    promise(shop, "log", then={"by": "land", "list": {"de": ("DE",), "west": ("FR", "ES")}})
    assert shop.run().verdict is Verdict.PASS
    assert leaves(shop, "log_2026_12") == ["log_2026_12_de", "log_2026_12_west"]
    shop.say("drop table log_2026_12_de")
    [failure] = shop.run().failures
    assert (failure.target, failure.what) == (
        "log_2026_12",
        "a partition is still missing, for de",
    )


def test_a_leaf_whose_name_is_taken_stops_its_partition_alone(shop: Shop) -> None:
    shop.say(WIDER + "create table events_2026_12_3 (precious text)")
    promise(shop)
    outcome = shop.run()
    assert "events_2026_12_3 exists and is no partition" in str(outcome.failures)
    assert len(leaves(shop, "events")) == 4
    assert shop.ask("select to_regclass('events_2026_12')") == [(None,)]


def test_an_index_that_tells_rows_apart_to_replicas_does_so_in_every_leaf(shop: Shop) -> None:
    shop.say(
        "set role shop_owner; create table log (id int not null, at date not null) partition by range (at);"
        "create unique index log_key on log (id, at); alter table log replica identity using index log_key"
    )
    promise(shop, "log", then={"by": "id", "hash": 2})
    assert shop.run().failures == ()
    assert shop.ask("""
        select count(*) from pg_partition_tree('log_2026_12') t join pg_index i on i.indrelid = t.relid
         where i.indisreplident
    """) == [(3,)]


def test_without_a_word_of_it_the_plan_says_that_new_ones_will_not_be_partitioned_again(
    shop: Shop,
) -> None:
    shop.say(WIDER)
    promise(shop)
    shop.run()
    promise(shop, then=None, ahead=2)
    notes = plan(PROMISE, shop.system(), NOW).decision.notes
    assert notes == (
        "events: events_2026_12 is partitioned again, by hash of person; without `then` no new one is",
    )


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"then": {"by": "person"}}, "must say one way"),
        ({"then": {"by": "person", "hash": 4, "every": "day"}}, "must say one way"),
        ({"then": {"by": "person", "every": "day"}}, "write the same `by`"),
        ({"then": {"by": "land", "list": {"a": ("x",), "b": ("x",)}}}, "has a value twice"),
        ({"every": None, "ahead": None, "hash": 4}, "is of a table that is partitioned by time"),
    ],
)
def test_what_cannot_be_meant_is_refused(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Partitioning.model_validate(BY_PERSON | rule)


def test_what_ended_of_a_table_with_another_key_stops_no_table(shop: Shop) -> None:
    shop.say(
        "set role shop_owner; create table log (at bigint primary key) partition by range (at);"
        "create table beside (at date primary key) partition by range (at)"
    )
    rule = {"by": "at", "every": "year", "ahead": 1}
    promise(shop, "log", **rule, then=None, holds="milliseconds")
    beside = Partitioning.model_validate(rule)
    shop.policy = shop.policy.model_copy(
        update={"partitions": {**SECTION.of(shop.policy), "beside": beside}}
    )
    shop.run()
    shop.say("""
        insert into lifecycle.detached (relation, name, parent, bound, why, grace, run_id, detached_at,
                                        drop_not_before, snapshot, ended_at, ended)
        values (1, 'log_2026', 'log', 'FOR VALUES FROM (''2026-01-01'') TO (''2027-01-01'')', 'its rule', '1 day', 1,
                now(), now(), pg_current_snapshot(), now(), 'dropped')
    """)
    outcome = shop.run(NOW.replace(year=2027))
    assert (outcome.failures, outcome.counts["made"]) == ((), 2)


@pytest.mark.parametrize(
    ("below", "then", "said"),
    [
        ("", {"by": "land", "hash": 4}, "it is not partitioned again, and `then` says by hash"),
        ("partition by list (kind)", {"by": "land", "list": {"de": ("DE",)}}, "by list of kind"),
        ("partition by list (kind)", {"by": "land", "hash": 2}, "by list of kind"),
    ],
)
def test_a_partition_that_is_not_as_then_says_is_no_pass(
    shop: Shop, below: str, then: dict[str, Any], said: str
) -> None:
    shop.say(
        "set role shop_owner; create table log (land text not null, kind text, at date not null) partition by range (at);"
        "create table log_2026_11 partition of log for values from ('2026-11-01') to ('2026-12-01')"
        f"{below}"
    )
    if below:
        shop.say(
            "set role shop_owner; create table de partition of log_2026_11 for values in ('DE')"
        )
    promise(shop, "log", then=then)
    outcome = shop.run()
    assert (outcome.failures, outcome.verdict) == ((), Verdict.UNVERIFIED)
    unseen: Any = outcome.coverage["unseen"]
    assert [(one["place"], said in one["why"]) for one in unseen] == [("branch log_2026_11", True)]


def test_a_set_of_more_partitions_than_the_policy_says_is_no_pass(shop: Shop) -> None:
    shop.say(WIDER)
    promise(shop)
    assert shop.run().verdict is Verdict.PASS
    promise(shop, then={"by": "person", "hash": 8})
    assert shop.run().verdict is Verdict.UNVERIFIED


@pytest.mark.parametrize(
    ("key", "then", "said"),
    [
        ("", {"by": "at", "every": "hour"}, "log.at is a date"),
        (
            ", primary key (id, at)",
            {"by": "land", "hash": 4},
            "log has a primary or unique key of at, id without land",
        ),
    ],
)
def test_a_second_level_that_can_never_be_made_is_a_mistake(
    shop: Shop, key: str, then: dict[str, Any], said: str
) -> None:
    shop.say(
        f"set role shop_owner; create table log (id int, land text, at date not null{key}) partition by range (at)"
    )
    promise(shop, "log", then=then)
    with shop.system().connect("test") as conn:
        look = Look(shop.policy, catalog.read(conn), [], [])
    assert SECTION.truth
    SECTION.truth(SECTION.of(shop.policy), look)
    assert [mistake.what for mistake in look.mistakes] == [said]


def test_what_is_too_much_for_one_attach_is_said_as_such(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.say(WIDER)
    promise(shop, then={"by": "person", "hash": 64})
    monkeypatch.setattr(statements, "HELD", "5ms")
    monkeypatch.setattr(waits, "PATIENCE", timedelta(seconds=1))
    [failure] = shop.run().failures
    assert failure.what == (
        "events_2026_11 with 64 partitions below it was not attached within 5ms, and nobody was in its way"
    )
    with pytest.raises(ValidationError, match="less than or equal to 128"):
        promise(shop, then={"by": "person", "hash": 129})


def test_a_leaf_of_another_owner_is_named_before_its_partition_is_begun(shop: Shop) -> None:
    shop.say(WIDER)
    promise(shop)
    shop.run()
    shop.say("alter table events_2026_11_2 owner to shop_app")
    with shop.system().snapshot("test") as conn:
        seen = ends.read(conn, ["events"])
    refused = detach.planned(seen, "events_2026_11", "its rule", timedelta(0))
    assert isinstance(refused, Failure)
    assert (
        refused.what == "events_2026_11_2, below it, belongs to shop_app, and events to shop_owner"
    )
    assert refused.hint.endswith("alter table events_2026_11_2 owner to shop_owner;")
