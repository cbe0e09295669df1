"""Hypertables end by a rule: chunk by chunk, judged by the rows that are overdue, on either edition."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from lifecycle.holds import place
from lifecycle.holds.hold import What
from lifecycle.outcome import Verdict
from lifecycle.postgres import catalog, waits
from lifecycle.promise import Task
from retention.promise import PROMISE
from tests.house import NOW, OWNER, House, unseen

RULE: dict[str, Any] = {
    "table": "marks",
    "after": "1 year",
    "do": "drop",
    "because": "nobody asks for it any more",
}

# NOW is 2026-11-21. Two years of a row a week, in chunks of 30 days, four beside each other.
MARKS = """
    create table person (id int primary key);
    insert into person select generate_series(0, 9);
    create table marks (id int not null, person int not null references person, at timestamptz not null);
    select from public.create_hypertable('marks', 'at', chunk_time_interval => interval '30 days',
                                         partitioning_column => 'person', number_partitions => 4);
    insert into marks select n, n % 10, timestamptz '2024-12-01 12:00Z' + n * interval '7 days'
      from generate_series(0, 102) n;
    reset role;
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "PATIENCE", timedelta(seconds=0.4))


def everything(house: House, **said: Any) -> None:
    """Promise it, and let one run end as much as there is."""
    house.promise(RULE | said)
    allowed = house.policy.limits.model_copy(update={"partitions_per_run": 100})
    house.policy = house.policy.model_copy(update={"limits": allowed})


def made(house: House, **said: Any) -> None:
    house.say(OWNER + MARKS)
    everything(house, **said)


def chunks(house: House) -> int:
    return house.number("select count(*) from timescaledb_information.chunks")


def overdue(house: House) -> int:
    return house.number("select count(*) from marks where at < timestamptz '2025-11-21Z'")


def test_the_picture_has_a_hypertable_as_a_table_of_its_chunks(house: House) -> None:
    house.say(OWNER + MARKS)
    with psycopg.connect(house.admin) as conn:
        conn.execute("set timezone to 'UTC'")
        table = catalog.read(conn).tables["marks"]
    assert (table.kind, table.strategy, table.partition_key) == ("h", "range", "at")
    assert len(table.partitions) == chunks(house)
    assert {part.parent for part in table.partitions} == {"marks"}
    assert table.partitions[0].bound.startswith("FOR VALUES FROM ('2024-11-")


def test_chunks_whose_time_is_over_are_dropped_and_what_is_left_overdue_is_named(
    house: House,
) -> None:
    """Scenarios 40, 44, 45: a chunk that reaches over the cutoff stays, and its overdue rows are no failure yet."""
    made(house)
    before, all_rows = chunks(house), house.number("select count(*) from marks")
    plan = house.plan()
    assert {step.verb for step in plan.decision.steps} == {"drop chunk"}
    outcome = house.run()
    assert outcome.failures == ()
    assert outcome.counts["dropped"] == len(plan.decision.steps)
    assert chunks(house) == before - len(plan.decision.steps)
    left = overdue(house)
    assert left == outcome.counts["waiting for their partition"]
    gone = house.number(
        "select sum((counts ->> 'rows')::int) from lifecycle.evidence where event = 'retention.dropped'"
    )
    assert all_rows - house.number("select count(*) from marks") == gone
    assert house.run().counts["dropped"] == 0
    assert house.run(NOW + timedelta(days=400)).counts["dropped"] > 0
    assert overdue(house) == 0


def test_more_than_the_policy_lets_a_run_end_is_counted_by_time_not_by_chunk(house: House) -> None:
    made(house)
    few = house.policy.limits.model_copy(update={"partitions_per_run": 2})
    house.policy = house.policy.model_copy(update={"limits": few})
    outcome = house.run()
    assert outcome.counts["dropped"] == 0
    times = house.number(
        "select count(distinct range_end) from timescaledb_information.chunks where range_end <= '2025-11-21Z'"
    )
    assert f"{times} partitions would be dropped" in outcome.failures[0].what


def test_a_hold_within_the_transaction_keeps_its_chunk(house: House) -> None:
    made(house)
    with house.system().connect("test") as conn:
        what = What("table", table="marks")
        number = place.place(conn, what, because="a suit", placed_by="case 7", until=None)
    before = chunks(house)
    outcome = house.run()
    assert (outcome.counts["dropped"], chunks(house)) == (0, before)
    assert outcome.counts["on hold"] > 0
    with house.system().connect("test") as conn:
        place.release(conn, number, because="over", released_by="case 7")
    assert house.run().counts["dropped"] > 0


def test_a_hold_placed_after_the_survey_keeps_it_too(house: House) -> None:
    made(house)
    seen = PROMISE.survey(house.system(), NOW, None)
    decision = PROMISE.decide(house.policy, seen, NOW)
    with house.system().connect("test") as conn:
        place.place(conn, What("table", table="marks"), because="a suit", placed_by="7", until=None)
    ended = PROMISE.carry_out(Task(house.system(), house.claim(), NOW), seen, decision)
    assert {"on legal hold" in failure.what for failure in ended.failures} == {True}
    assert ended.counts["dropped"] == 0


def test_a_chunk_of_the_year_2099_is_not_what_hides_overdue_rows(house: House) -> None:
    """Scenario 46."""
    made(house)
    house.say("insert into marks values (999, 1, '2099-01-01')")
    assert house.run().failures == ()
    assert house.number("select count(*) from marks where id = 999") == 1


def test_a_foreign_key_into_it_keeps_a_chunk_and_is_told(house: House) -> None:
    """Scenario 37."""
    house.say(OWNER + MARKS + "alter table marks add unique (id, person, at)")
    house.say(
        "create table note (id int, person int, at timestamptz,"
        " foreign key (id, person, at) references marks (id, person, at));"
        "insert into note select id, person, at from marks order by at limit 1"
    )
    everything(house)
    before = chunks(house)
    outcome = house.run()
    assert "a foreign key to marks, a view or a function depends on it" in outcome.failures[0].what
    assert (chunks(house), outcome.verdict) == (before, Verdict.FAIL)


def compressed(house: House) -> int:
    """Compress what is older than 30 days; only the whole edition can."""
    house.say(
        "set role house_owner; alter table marks set (timescaledb.compress, timescaledb.compress_segmentby = 'person')"
    )
    house.say(
        "select public.compress_chunk(c) from public.show_chunks('marks', older_than => timestamptz '2026-10-21Z') c"
    )
    return house.number("select count(*) from timescaledb_information.chunks where is_compressed")


@pytest.mark.parametrize("cluster", ["timescale"], indirect=True)
def test_a_compressed_chunk_goes_with_what_it_was_compressed_into(house: House) -> None:
    house.say(OWNER + MARKS)
    assert compressed(house) > 10
    everything(house)
    inside = "select count(*) from pg_class where relname like 'compress_hyper%' and relkind = 'r'"
    before, rows = house.number(inside), house.number("select count(*) from marks")
    # `only` would leave out what is compressed: the survey would see nothing to end, and no hold.
    over = overdue(house)
    seen = PROMISE.survey(house.system(), NOW, None)
    assert sum(leaf.rows for leaf in seen.counted[0].overdue) == over > 40
    [oldest] = [
        row[5]
        for row in PROMISE.status(house.system(), NOW).rows
        if row[0] == "partitions of marks"
    ]
    assert str(oldest) == "2024-12-01"
    with house.system().connect("test") as conn:
        what = What("value", column="id", key="0")
        number = place.place(conn, what, because="a suit", placed_by="case 7", until=None)
    held = PROMISE.decide(house.policy, PROMISE.survey(house.system(), NOW, None), NOW)
    assert any(
        "1 of 1 row on legal hold" in note or "on legal hold, so it stays whole" in note
        for note in held.notes
    )
    with house.system().connect("test") as conn:
        place.release(conn, number, because="over", released_by="case 7")
    outcome = house.run()
    assert outcome.failures == ()
    assert house.number(inside) == before - outcome.counts["dropped"]
    gone = house.number(
        "select sum((counts ->> 'rows')::int) from lifecycle.evidence where event = 'retention.dropped'"
    )
    assert (gone, house.number("select count(*) from marks")) == (
        rows - house.number("select count(*) from marks"),
        rows - gone,
    )
    assert gone > 40
    assert (
        house.number(
            "select count(*) from _timescaledb_catalog.chunk where not exists (select from pg_class where relname = table_name)"
        )
        == 0
    )


def test_rows_end_one_by_one_where_a_rule_says_so(house: House) -> None:
    made(house, do="delete", by="at")
    outcome = house.run()
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ()), unseen(outcome)
    assert overdue(house) == 0
    assert outcome.counts["deleted"] > 40


@pytest.mark.parametrize("cluster", ["timescale"], indirect=True)
def test_a_job_of_timescaledbs_own_that_drops_chunks_is_a_failure_with_what_to_do(
    house: House,
) -> None:
    """Scenarios 36, 44 and 48: two that end the same rows, and one of them asks no hold."""
    made(house)
    house.say(
        "alter role house_owner login; set role house_owner; select public.add_retention_policy('marks', interval '365 days')"
    )
    outcome = house.run()
    [failure] = outcome.failures
    assert "TimescaleDB drops its chunks itself (job 10" in failure.what
    assert "remove_retention_policy('marks')" in failure.hint
    assert outcome.counts["dropped"] > 0


@pytest.mark.parametrize("cluster", ["timescale"], indirect=True)
def test_a_continuous_aggregate_is_a_copy(house: House) -> None:
    """Scenario 43."""
    made(house)
    house.say(
        "set role house_owner; create materialized view monthly with (timescaledb.continuous) as select public.time_bucket('30 days', at) as month, count(*) from marks group by 1 with no data"
    )
    house.promise(RULE)
    assert [place["place"] for place in unseen(house.run())] == [
        "copy continuous aggregate monthly"
    ]


@pytest.mark.parametrize(
    ("said", "why"),
    [({"grace": "7 days"}, "cannot stand alone"), ({"archive": True}, "cannot stand alone")],
)
def test_what_cannot_be_promised_of_a_chunk_is_refused(
    house: House, said: dict[str, Any], why: str
) -> None:
    made(house, **said)
    outcome = house.run()
    assert any(why in failure.what for failure in outcome.failures), outcome.failures
    assert outcome.counts["dropped" if "dropped" in outcome.counts else "deleted"] == 0


@pytest.mark.parametrize("cluster", ["timescale"], indirect=True)
@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("null", "is refreshed from its beginning on"),
        ("interval '2 years'", "is refreshed from 2 years back on"),
    ],
)
def test_a_refresh_that_reaches_further_back_than_the_rule_is_refused_before_a_chunk_goes(
    house: House, start: str, said: str
) -> None:
    """Scenario 42: the refresh after a drop makes the aggregate forget what the dropped rows were."""
    made(house)
    view = """create materialized view monthly with (timescaledb.continuous) as
        select public.time_bucket('30 days', at) as month, count(*) from public.marks group by 1 with no data"""
    house.say("alter role house_owner login")
    house.say(f"set role house_owner; {view}".replace("; create", ";\ncreate"))
    house.say("call refresh_continuous_aggregate('monthly', null, null)")
    add = "set role house_owner; select add_continuous_aggregate_policy('monthly', {}, interval '1 day', interval '1 day')"
    house.say(add.format(start))
    before = chunks(house)
    assert house.plan().decision.steps == ()
    outcome = house.run()
    assert any(said in failure.what for failure in outcome.failures), outcome.failures
    assert chunks(house) == before
    house.say("set role house_owner; select remove_continuous_aggregate_policy('monthly')")
    house.say(add.format("interval '1 year'"))
    months = house.number("select count(*) from monthly")
    assert house.run().counts["dropped"] > 0
    house.say("call refresh_continuous_aggregate('monthly', '2025-11-21Z', null)")
    assert house.number("select count(*) from monthly") == months
