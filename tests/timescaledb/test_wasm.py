"""What asks TimescaleDB, and what is decided of it: on the build that a package registry has, one connection at a time."""

from typing import Any

import psycopg
import pytest

from lifecycle.coverage import Looks
from lifecycle.holds.gate import Held
from lifecycle.postgres import catalog
from retention import chunks, rules, statements
from retention.count import count
from retention.rule import RetentionRule
from tests.house import NOW, OWNER, House

MARKS = """
    create table marks (id int not null, person int not null, at timestamptz not null);
    select from public.create_hypertable('marks', 'at', chunk_time_interval => interval '30 days',
                                         partitioning_column => 'person', number_partitions => 2);
    insert into marks select n, n % 10, timestamptz '2025-09-01 12:00Z' + n * interval '7 days'
      from generate_series(0, 60) n;
    reset role;
"""
RULE: dict[str, Any] = {
    "table": "marks",
    "after": "1 year",
    "do": "drop",
    "because": "nobody asks for it any more",
}


@pytest.fixture
def house(emptied: str) -> House:
    made = House(emptied)
    made.say(OWNER + MARKS)
    return made


def test_a_hypertable_is_a_table_of_its_chunks(house: House) -> None:
    with psycopg.connect(house.admin, autocommit=True) as conn:
        table = catalog.read(conn).tables["marks"]
        [(of, columns)] = conn.execute(
            "select count(*), count(distinct range_start) from timescaledb_information.chunks"
        ).fetchall()
    assert (table.kind, table.strategy, table.partition_key) == ("h", "range", "at")
    assert (len(table.partitions), len({part.bound for part in table.partitions})) == (of, columns)
    assert table.compressed is False
    house.say("set role house_owner; alter table marks set (timescaledb.compress); reset role")
    with psycopg.connect(house.admin, autocommit=True) as conn:
        assert catalog.read(conn).tables["marks"].compressed is True


def test_the_chunks_whose_time_is_over_are_those_of_the_plan_and_all_rows_are_counted(
    house: House,
) -> None:
    rule = RetentionRule.model_validate(RULE)
    policy = house.policy.model_copy(update={"retention": (rule,), "timezone": "UTC"})
    with psycopg.connect(house.admin, autocommit=True) as conn:
        conn.execute("set timezone to 'UTC'")
        seen = catalog.read(conn)
        [bound], [] = rules.bind(policy, seen, NOW, None)
        counted = count(conn, bound, Held(None, {}), Looks())
        [(overdue,)] = conn.execute(
            "select count(*) from marks where at < '2025-11-21Z'"
        ).fetchall()
    over = [part for part in bound.parts if part.over]
    assert {part.name for part in over} == {
        part.name for part in seen.tables["marks"].partitions if (part.upper or "") <= "2025-11-21"
    }
    ends = [chunks.planned(seen, bound, part, "1 row") for part in over]
    assert ends
    assert all(step.cost.startswith("from ('2025-") for step in ends)
    # One chunk reaches over the cutoff: its overdue rows end with it.
    waiting = sum(counted.in_part(part).rows for part in counted.waiting)
    assert (counted.rows + waiting, counted.beyond) == (overdue, 0)
    assert waiting > 0


def test_a_chunk_that_is_dropped_leaves_no_note_of_timescaledbs(house: House) -> None:
    with psycopg.connect(house.admin, autocommit=True) as conn:
        chunk = catalog.read(conn).tables["marks"].partitions[0]
        bounds = conn.execute(statements.CHUNK, {"name": chunk.name}).fetchone()
        assert bounds is not None
        assert f"FOR VALUES FROM ('{bounds[0]}') TO ('{bounds[1]}')" == chunk.bound
        conn.execute("set role house_owner")
        conn.execute(f"drop table {chunk.name}".encode())
        conn.execute("reset role")
        assert conn.execute(statements.CHUNK, {"name": chunk.name}).fetchone() is None
        assert chunk.name not in {
            part.name for part in catalog.read(conn).tables["marks"].partitions
        }


def test_jobs_of_its_own_and_continuous_aggregates_are_found(house: House) -> None:
    with psycopg.connect(house.admin, autocommit=True) as conn:
        assert list(chunks.others(conn, "marks")) == []
        conn.execute("alter role house_owner login")
        conn.execute("set role house_owner")
        conn.execute("select public.add_retention_policy('marks', interval '400 days')")
        for view, of in (("weekly", "marks"), ("monthly", "weekly")):
            column = "at" if of == "marks" else "t"
            conn.execute(
                f"create materialized view {view} with (timescaledb.continuous) as"
                f" select public.time_bucket('28 days', {column}) as t, count(*) from {of} group by 1 with no data".encode()
            )
        conn.execute("reset role")
        [failure] = chunks.others(conn, "marks")
        assert "after 400 days" in failure.what
        found = conn.execute(statements.AGGREGATES, {"name": "marks"}).fetchall()
        assert found == [("public", "monthly"), ("public", "weekly")]
