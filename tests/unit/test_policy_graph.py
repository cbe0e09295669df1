"""The order in which one person's rows go: children first, shared tables last, or a refusal that names the circle."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.errors import Refused
from lifecycle.policy import graph, whole
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Catalog, ForeignKey

OWNED = {"owner": {"user": "user_id"}}


def policy(tables: dict[str, Any]) -> Policy:
    data = {
        "system": "x", "database": "x",
        "subjects": {"user": {"table": "users", "key": "user_id"}},
        "tables": {"users": OWNED} | tables,
    }  # fmt: skip
    return whole.model().model_validate_json(json.dumps(data))


def catalog(*keys: str) -> Catalog:
    """Return a picture with keys spelled `table.column > referenced`."""
    made: list[ForeignKey] = []
    for key in keys:
        own, referenced = key.split(" > ")
        table, column = own.rsplit(".", 1)
        made.append(ForeignKey(f"{own}_fkey", table, (column,), referenced, ("id",), "a", True))
    return Catalog("1", "x", 17, {}, {}, tuple(made), ())


def test_children_go_before_what_they_point_to():
    tables = {"orders": OWNED, "lines": {"owner": {"user": {"through": ["order_id"]}}}}
    found = catalog("orders.user_id > users", "lines.order_id > orders")
    assert graph.order(policy(tables), found, "user") == ("lines", "orders", "users")
    assert [k.referenced for k in graph.ways(policy(tables), found, "lines", "user")] == ["orders"]
    assert graph.ways(policy(tables), found, "orders", "user") == ()


def test_a_row_with_two_ways_is_reached_by_both():
    tables = {"a": OWNED, "b": OWNED, "ab": {"owner": {"user": {"through": ["a_id", "b_id"]}}}}
    found = catalog("ab.a_id > a", "ab.b_id > b", "a.user_id > users", "b.user_id > users")
    assert [k.referenced for k in graph.ways(policy(tables), found, "ab", "user")] == ["a", "b"]
    assert graph.order(policy(tables), found, "user") == ("ab", "a", "b", "users")


def test_the_persons_go_after_all_that_is_theirs_and_what_they_shared_goes_last():
    tables = {
        "accounts": {"owner": {"user": {"shared_by": "users.account_id"}}},
        "bills": {"owner": {"user": {"through": ["account_id"]}}},
        "zzz": OWNED,
    }
    found = catalog("users.account_id > accounts", "bills.account_id > accounts")
    assert graph.order(policy(tables), found, "user") == ("zzz", "users", "bills", "accounts")
    assert graph.shared(policy(tables), "user") == {"accounts"}


def test_kept_tables_the_audit_log_and_other_peoples_tables_are_left_out():
    tables = {
        "kept": OWNED | {"keep": {"clear": ["user_id"], "because": "x"}},
        "books": {"personal": "none", "because": "x"},
    }
    assert graph.deleted(policy(tables), "user") == {"users"}
    assert graph.order(policy(tables), catalog("kept.user_id > users"), "user") == ("users",)


def test_a_table_that_points_to_itself_holds_nothing_up():
    assert graph.order(
        policy({"posts": OWNED}), catalog("posts.reply_to > posts", "posts.user_id > users"), "user"
    ) == (
        "posts",
        "users",
    )


def test_a_circle_is_broken_where_a_column_is_set_to_null():
    tables = {"posts": OWNED, "threads": OWNED | {"mentions": {"first_post": "set null"}}}
    found = catalog("posts.thread > threads", "threads.first_post > posts")
    assert graph.order(policy(tables), found, "user") == ("posts", "threads", "users")


def test_a_circle_that_nothing_breaks_is_refused_with_its_tables():
    tables = {"a": OWNED, "b": OWNED, "c": OWNED, "d": OWNED}
    found = catalog("a.x > b", "b.x > c", "c.x > a", "d.x > a")
    with pytest.raises(
        Refused,
        match=r"no order to delete in: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c) point",
    ):
        graph.order(policy(tables), found, "user")


@pytest.mark.parametrize("table", ["books", "unknown"])
def test_a_row_that_stays_and_points_to_one_that_goes_is_refused(table: str):
    tables = {"books": {"personal": "none", "because": "x"}}
    with pytest.raises(Refused, match=f"rows of {table} stay and point to rows of users that go"):
        graph.order(policy(tables), catalog(f"{table}.added_by > users"), "user")


def test_a_row_that_stays_may_point_there_when_the_column_is_cleared():
    tables = {"books": {"personal": "none", "because": "x", "mentions": {"added_by": "set null"}}}
    assert graph.order(policy(tables), catalog("books.added_by > users"), "user") == ("users",)


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20), st.randoms())
def test_every_order_is_right_and_the_same_however_the_keys_are_listed(
    pairs: set[tuple[int, int]], random: Any
):
    names = [f"t{n}" for n in range(8)]
    edges = [(names[max(p)], names[min(p)]) for p in pairs if p[0] != p[1]]  # no circles
    keys = [f"{table}.x > {referenced}" for table, referenced in edges]
    tables = policy(dict.fromkeys(names, OWNED))
    ordered = graph.order(tables, catalog(*keys), "user")
    assert sorted(ordered) == sorted([*names, "users"])
    assert all(ordered.index(table) < ordered.index(referenced) for table, referenced in edges)
    random.shuffle(keys)
    assert graph.order(tables, catalog(*keys), "user") == ordered


def test_ways_that_lead_round_in_a_circle_are_noticed():
    through = {
        "a": {"owner": {"user": {"through": ["b"]}}},
        "b": {"owner": {"user": {"through": ["a"]}}},
    }
    found = catalog("a.b > b", "b.a > a")
    assert all(graph.goes_round(policy(through), found, name, "user") for name in ("a", "b"))
    chain = {f"t{n}": {"owner": {"user": {"through": ["x"]}}} for n in range(3)} | {"t3": OWNED}
    keys = catalog(*(f"t{n}.x > t{m}" for n, m in itertools.pairwise(range(4))))
    assert not graph.goes_round(policy(chain), keys, "t0", "user")
