"""What is missing is decided from bounds alone, and one table's trouble stays its own."""

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.partitions import bounds, plan
from lifecycle.partitions.rule import Partitioning
from lifecycle.partitions.step import CreatePartition
from lifecycle.partitions.survey import Seen
from lifecycle.plan import Decision
from lifecycle.policy import whole
from lifecycle.postgres.catalog import Catalog, Column, Partition, Relation, Table

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
Bounds = tuple[str | None, str | None]


def partition(
    name: str, bounds: Bounds, *, default: bool = False, pending: bool = False
) -> Partition:
    relation = Relation("owner", rls=False, policies=0)
    return Partition(name, *bounds, default, name if pending else "", relation, "", "r", "")


def table(name: str, *partitions: Partition, key: str = "date") -> Table:
    return Table(
        name=name,
        schema="public",
        relname=name,
        kind="p",
        owner="owner",
        columns=(Column("at", key, not_null=True, generated=False, identity=False),),
        primary_key=(),
        rls=False,
        rls_forced=False,
        policies=(),
        triggers=(),
        rules=(),
        functions=(),
        partition_key="at",
        strategy="range",
        partitions=partitions,
        inherits=False,
        estimated_rows=0,
    )


def decide(
    *tables: Table,
    every: str = "month",
    holds: str | None = None,
    ahead: int = 2,
    now: datetime = NOW,
    views: tuple[str, ...] = (),
) -> Decision[CreatePartition]:
    partitioning = Partitioning.model_validate(
        {"by": "at", "every": every, "ahead": ahead, "holds": holds}
    )
    policy = whole.model().model_validate({"system": "s", "database": "d", "tables": {}})
    policy = policy.model_copy(update={"partitions": {t.name: partitioning for t in tables}})
    catalog = Catalog("1", "d", 15, {}, {t.name: t for t in tables}, (), views)
    return plan.decide(
        policy, Seen(catalog, frozenset(), {}, None, {t.name: "" for t in tables}), now
    )


def made(decision: Decision[CreatePartition]) -> list[tuple[str, str, str]]:
    return [(step.relname, step.lower, step.upper) for step in decision.steps]


def test_an_empty_table_gets_the_present_and_what_comes() -> None:
    assert made(decide(table("log"))) == [
        ("log_2026_11", "2026-11-01", "2026-12-01"),
        ("log_2026_12", "2026-12-01", "2027-01-01"),
        ("log_2027_01", "2027-01-01", "2027-02-01"),
    ]


def test_names_of_partitions_mean_nothing_and_bounds_everything() -> None:
    liar = partition("log_2026_12", ("2026-11-01", "2026-12-01"))
    decision = decide(table("log", liar), ahead=1)
    assert made(decision) == []
    [failure] = decision.refusals
    assert failure.what == "log_2026_12 exists and is no partition for 2026-12-01 to 2027-01-01"


def test_periods_covered_by_a_longer_partition_or_by_several_shorter_ones_are_there() -> None:
    year = partition("a", ("2026-01-01", "2027-01-01"))
    halves = [
        partition("b", ("2027-01-15", "2027-02-01")),
        partition("c", ("2027-01-01", "2027-01-15")),
    ]
    assert made(decide(table("log", year, *halves))) == []


def test_what_others_leave_out_of_a_period_is_made_and_who_covers_the_rest_is_named() -> None:
    first = partition("a", ("2026-11-01", "2026-11-10"))
    second = partition("b", ("2026-11-11", "2026-11-29"))
    decision = decide(table("log", first, second), ahead=1)
    assert made(decision) == [
        ("log_2026_11_from_20261110t000000", "2026-11-10", "2026-11-11"),
        ("log_2026_11_from_20261129t000000", "2026-11-29", "2026-12-01"),
        ("log_2026_12", "2026-12-01", "2027-01-01"),
    ]
    assert "the rest of 2026_11, which a, b covers in part" in decision.steps[0].reason


def test_a_period_that_a_pending_detach_holds_waits_for_it() -> None:
    held = partition("a", ("2026-11-01", "2026-11-10"), pending=True)
    decision = decide(table("log", held), ahead=1)
    assert [step.relname for step in decision.steps] == ["log_2026_12"]
    [failure] = decision.refusals
    assert failure.what == "its period 2026_11 is still held by a, whose detach was interrupted"


def test_a_partition_without_end_covers_the_rest() -> None:
    assert made(decide(table("log", partition("rest", ("2026-01-01", None))))) == []


def test_a_default_partition_covers_nothing() -> None:
    rest = partition("rest", (None, None), default=True)
    decision = decide(table("log", rest))
    assert len(decision.steps) == 3
    assert "rest with nobody, while it is looked through" in decision.steps[0].cost


def test_the_periods_of_a_time_in_which_nobody_made_any_are_made_at_once() -> None:
    old = partition("old", ("2026-01-01", "2026-02-01"))
    present = partition("present", ("2026-05-15", "2027-03-01"))
    assert made(decide(table("log", old, present))) == [
        ("log_2026_02", "2026-02-01", "2026-03-01"),
        ("log_2026_03", "2026-03-01", "2026-04-01"),
        ("log_2026_04", "2026-04-01", "2026-05-01"),
        ("log_2026_05_from_20260501t000000", "2026-05-01", "2026-05-15"),
    ]
    away = decide(table("log", old))
    assert len(away.steps) == 12
    assert (away.steps[0].lower, away.steps[-1].upper) == ("2026-02-01", "2027-02-01")


def test_a_vast_hole_behind_a_stray_partition_is_noted_and_not_filled() -> None:
    old = partition("old", ("1970-01-01", "1970-02-01"))
    decision = decide(table("log", old))
    assert len(decision.steps) == 3
    assert any("no partition between 1970-02-01" in note for note in decision.notes)


def test_a_hole_in_the_past_of_a_table_with_a_default_partition_is_left_to_that() -> None:
    old = partition("old", ("2026-01-01", "2026-02-01"))
    rest = partition("rest", (None, None), default=True)
    assert len(decide(table("log", old, rest)).steps) == 3


@pytest.mark.parametrize(
    ("key", "holds", "lower", "upper"),
    [
        ("bigint", "milliseconds", "1793491200000", "1796083200000"),
        ("integer", "seconds", "1793491200", "1796083200"),
        ("uuid", "uuidv7", "", ""),
    ],
)
def test_a_key_that_encodes_time_gets_its_periods(
    key: str, holds: str, lower: str, upper: str
) -> None:
    decision = decide(table("log", key=key), holds=holds, ahead=1)
    step = decision.steps[0]
    kind = cast("bounds.KeyType", holds)
    assert bounds.parse(step.lower, kind) == datetime(2026, 11, 1)  # noqa: DTZ001 - the key's clock
    assert bounds.parse(step.upper, kind) == datetime(2026, 12, 1)  # noqa: DTZ001
    assert holds == "uuidv7" or (step.lower, step.upper) == (lower, upper)
    assert decide(table("log", key="text"), holds=holds).steps == ()


def test_a_table_with_a_thousand_partitions_is_noted() -> None:
    days = [datetime(2026, 11, 1) + timedelta(days=n) for n in range(1001)]  # noqa: DTZ001 - the key's clock
    many = [
        partition(f"p{n}", (f"{days[n]:%Y-%m-%d}", f"{days[n + 1]:%Y-%m-%d}")) for n in range(1000)
    ]
    assert any("it has 1,000 partitions" in note for note in decide(table("log", *many)).notes)


def test_the_name_of_a_view_or_of_another_tables_partition_is_taken() -> None:
    other = table("other", partition("log_2026_12", ("1970-01-01", "1971-01-01")))
    decision = decide(table("log"), other, views=("log_2027_01",))
    assert [step.relname for step in decision.steps if step.parent == "log"] == ["log_2026_11"]
    assert [failure.target for failure in decision.refusals] == ["log", "log"]
    assert len([step for step in decision.steps if step.parent == "other"]) == 3


def test_two_tables_never_want_the_same_name() -> None:
    decision = decide(table("log"), table("log_2026"), every="month", ahead=11)
    names = [step.relname for step in decision.steps]
    assert len(names) == len(set(names))


def test_a_key_that_is_no_moment_blocks_its_table_alone() -> None:
    decision = decide(table("numbers", key="bigint"), table("log"))
    assert [failure.target for failure in decision.refusals] == ["numbers"]
    assert len(decision.steps) == 3


def test_a_plan_has_one_hash_all_month_long_and_another_in_the_next() -> None:
    first = decide(table("log"), now=datetime(2026, 11, 1, tzinfo=UTC))
    last = decide(table("log"), now=datetime(2026, 11, 30, 23, 59, tzinfo=UTC))
    assert first == last
    assert first != decide(table("log"), now=datetime(2026, 12, 1, tzinfo=UTC))


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(
        ["year", "quarter", "month", "week", "day", "hour", "6 months", "9 days", "5 hours"]
    ),
    st.sets(st.integers(0, 7)),
    st.integers(0, 3),
)
def test_whatever_is_there_one_run_makes_the_rest_and_the_next_run_nothing(
    now: datetime, every: str, there: set[int], periods_later: int
) -> None:
    wanted = decide(table("log", key="timestamptz"), every=every, ahead=7, now=now).steps
    old = [partition(f"p{n}", (wanted[n].lower, wanted[n].upper)) for n in there]
    first = decide(table("log", *old, key="timestamptz"), every=every, ahead=7, now=now)
    assert [step.lower for step in first.steps] == [
        step.lower for n, step in enumerate(wanted) if n not in there
    ]
    new = [partition(step.relname, (step.lower, step.upper)) for step in first.steps]
    whole = table("log", *old, *new, key="timestamptz")
    assert decide(whole, every=every, ahead=7, now=now).steps == ()
    later = datetime.fromisoformat(wanted[periods_later].lower) + timedelta(minutes=1)
    again = decide(whole, every=every, ahead=7, now=max(now, later))
    assert again.refusals == ()
    assert len(again.steps) == periods_later


NAMED = st.characters(exclude_characters="\0", exclude_categories=["Cs"])


@given(st.text(NAMED, min_size=1, max_size=63))
def test_every_name_fits_and_ends_with_its_period(parent: str) -> None:
    parent = parent.encode()[:63].decode(errors="ignore")
    name = plan.child_name(parent, "2027_01_31_13b")
    assert len(name.encode()) <= 63
    assert name.endswith("_2027_01_31_13b")
