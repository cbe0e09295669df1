"""What is missing is decided from bounds alone, and one table's trouble stays its own."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lifecycle.partitions import plan
from lifecycle.partitions.plan import CreatePartition
from lifecycle.partitions.section import Partitioning
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
    ahead: int = 2,
    now: datetime = NOW,
    views: tuple[str, ...] = (),
) -> Decision[CreatePartition]:
    partitioning = Partitioning.model_validate({"by": "at", "every": every, "ahead": ahead})
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


def test_a_hole_in_the_middle_of_a_period_is_not_covered() -> None:
    first = partition("a", ("2026-11-01", "2026-11-10"))
    second = partition("b", ("2026-11-11", "2026-12-01"))
    decision = decide(table("log", first, second), ahead=1)
    assert [step.relname for step in decision.steps] == ["log_2026_12"]
    [failure] = decision.refusals
    assert failure.what == "2026-11-01 to 2026-12-01 is covered only in part, by a, b"


def test_a_partition_without_end_covers_the_rest() -> None:
    assert made(decide(table("log", partition("rest", ("2026-01-01", None))))) == []


def test_a_default_partition_covers_nothing() -> None:
    rest = partition("rest", (None, None), default=True)
    decision = decide(table("log", rest))
    assert len(decision.steps) == 3
    assert "rest with nobody, while it is looked through" in decision.steps[0].cost


def test_a_gap_in_the_past_is_noted_and_not_filled() -> None:
    old = partition("old", ("2026-01-01", "2026-02-01"))
    present = partition("present", ("2026-06-01", "2027-03-01"))
    decision = decide(table("log", old, present))
    assert made(decision) == []
    assert decision.refusals == ()
    assert any("no partition between 2026-02-01" in note for note in decision.notes)


def test_the_name_of_a_view_or_of_another_tables_partition_is_taken() -> None:
    other = table("other", partition("log_2026_12", ("2020-01-01", "2021-01-01")))
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
    st.sampled_from(["year", "quarter", "month", "week", "day", "hour"]),
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
