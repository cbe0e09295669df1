"""What asks TimescaleDB, and what is decided of it: on the build that a package registry has, one connection at a time."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import psycopg
import pytest

from gdpr import person
from gdpr.export import tables
from gdpr.reach import reach
from lifecycle.coverage import Looks
from lifecycle.holds.gate import Held
from lifecycle.ledger import changed
from lifecycle.policy import whole
from lifecycle.postgres import catalog
from lifecycle.postgres.names import sql_parts
from lifecycle.timescale import statements as compression
from lifecycle.timescale import survey
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


def test_chunks_beside_each_other_are_one_of_the_newest_and_by_size_none_ends(house: House) -> None:
    newest = RetentionRule.model_validate(
        {"table": "marks", "newest": 3, "do": "drop", "because": "x"}
    )
    size = {"table": "marks", "size": "1 MB", "do": "drop", "because": "x"}
    of_size = house.policy.model_copy(update={"retention": (RetentionRule.model_validate(size),)})
    with psycopg.connect(house.admin, autocommit=True) as conn:
        conn.execute("set timezone to 'UTC'")
        seen = catalog.read(conn)
        policy = house.policy.model_copy(update={"retention": (newest,), "timezone": "UTC"})
        [bound], [] = rules.bind(policy, seen, NOW, None)
        [], [unfit] = rules.bind(of_size, seen, NOW, None)
    parts = seen.tables["marks"].partitions
    begun = sorted({part.lower or "" for part in parts if (part.lower or "") <= "2026-11-21"})
    over = {part.name for part in bound.parts if part.over}
    assert over == {part.name for part in parts if (part.upper or "") <= begun[-3]}
    assert len(over) > len({part.lower for part in parts if part.name in over}) > 3
    assert "how large a chunk is only TimescaleDB can say" in unfit.what


def test_a_chunk_that_is_dropped_leaves_no_note_of_timescaledbs(house: House) -> None:
    with psycopg.connect(house.admin, autocommit=True) as conn:
        chunk = catalog.read(conn).tables["marks"].partitions[0]
        schema, name = sql_parts(chunk.name)
        asked = {"schema": schema, "name": name, "table_schema": "public", "table": "marks"}
        bounds = conn.execute(statements.CHUNK, asked).fetchone()
        assert bounds is not None
        assert f"FOR VALUES FROM ('{bounds[0]}') TO ('{bounds[1]}')" == chunk.bound
        conn.execute("set role house_owner")
        conn.execute(f"drop table {chunk.name}".encode())
        conn.execute("reset role")
        assert conn.execute(statements.CHUNK, asked).fetchone() is None
        assert chunk.name not in {
            part.name for part in catalog.read(conn).tables["marks"].partitions
        }


def test_jobs_of_its_own_and_continuous_aggregates_are_found(house: House) -> None:
    with psycopg.connect(house.admin, autocommit=True) as conn:
        assert list(chunks.beside(conn, catalog.read(conn).tables["marks"])) == []
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
        [failure] = chunks.beside(conn, catalog.read(conn).tables["marks"])
        assert "after 400 days" in failure.what
        made_by, shown_by = conn.execute(statements.AGGREGATES).fetchone() or ([], [])
        asked = {"relation": "marks", "column": None, "made_by": made_by, "shown_by": shown_by}
        found = conn.execute(statements.MATERIALISED_FROM, asked).fetchall()
        assert [row[1] for row in found if not row[4]] == ["monthly", "weekly"]
        assert set(catalog.read(conn).tables) == {"marks"}


def test_a_detached_chunk_is_a_table_and_nothing_beside_the_chunks_is_told(house: House) -> None:
    with psycopg.connect(house.admin, autocommit=True) as conn:
        chunk = catalog.read(conn).tables["marks"].partitions[0].name
        conn.execute(f"call public.detach_chunk('{chunk}')".encode())
        found = catalog.read(conn).tables
        assert set(found) == {"marks", chunk}
        assert chunk not in found["marks"].relations
        assert list(chunks.beside(conn, catalog.read(conn).tables["marks"])) == []


def test_chunks_are_no_tables_in_whichever_schema_they_stand(house: House) -> None:
    house.say(
        f"{OWNER} create table beats (at timestamptz not null);"
        "select from public.create_hypertable('beats', 'at', associated_schema_name => 'public');"
        "insert into beats values ('2026-01-01Z'), ('2026-06-01Z'); reset role"
    )
    with psycopg.connect(house.admin, autocommit=True) as conn:
        found = catalog.read(conn).tables
    assert set(found) == {"marks", "beats"}
    assert len(found["beats"].partitions) == 2
    assert all(part.name.startswith("_hyper_") for part in found["beats"].partitions)


def test_a_chunk_is_compressed_by_its_exact_function_and_what_it_is_then_is_read(
    house: House,
) -> None:
    with psycopg.connect(house.admin, autocommit=True) as conn:
        conn.execute("set timezone to 'UTC'; set search_path to pg_catalog, pg_temp")
        seen = survey.read(conn, ["marks"], None)
        assert seen.engine == survey.Engine("timescale", "public")
        cut = seen.cuts["marks"]
        assert (cut.width, cut.settings, cut.jobs) == (timedelta(days=30), None, ())
        assert len(cut.chunks) == len(seen.catalog.tables["marks"].partitions)
        conn.execute("set role house_owner")
        wanted = survey.Settings(("person",), (("at", True, True), ("id", False, False)))
        conn.execute(compression.settings("marks", wanted.segment_by, '"at" desc, "id" asc'))
        assert survey.cuts(conn, ["marks"])["marks"].settings == wanted
        first = cut.chunks[0].name
        conn.execute(compression.compress("public", first, again=False))
        [packed, *others] = survey.cuts(conn, ["marks"])["marks"].chunks
        assert (packed.name, packed.packed, packed.partial) == (first, True, False)
        assert packed.settings == wanted
        assert {(chunk.packed, chunk.settings) for chunk in others} == {(False, None)}
        conn.execute("insert into public.marks select id, person, at from public.marks limit 1")
        assert next(chunk.partial for chunk in survey.cuts(conn, ["marks"])["marks"].chunks)
        conn.execute("drop table public.marks; reset role")  # `drop owned` stumbles over it


def test_whole_batches_of_one_person_go_and_are_counted_on_this_version_too(house: House) -> None:
    """One statement, alone and without RETURNING: its rows are counted, and no batch is taken apart."""
    with psycopg.connect(house.admin, autocommit=True) as conn:
        conn.execute("set timezone to 'UTC'; set search_path to pg_catalog, pg_temp")
        conn.execute("set role house_owner")
        conn.execute(compression.settings("marks", ("person",), '"at" desc'))
        for chunk in survey.cuts(conn, ["marks"])["marks"].chunks:
            conn.execute(compression.compress("public", chunk.name, again=False))
        conn.execute("reset role")
        [(rows,)] = conn.execute("select count(*) from public.marks where person = 3").fetchall()
        [(others,)] = conn.execute("select count(*) from public.marks where person <> 3").fetchall()
        conn.autocommit = False
        before = changed.so_far(conn)
        gone = conn.execute("delete from public.marks as t where (t.person = %s)", (3,)).rowcount
        after = changed.so_far(conn)
        assert (gone, rows > 3) == (rows, True)
        assert after.added == before.added
        assert after.ended.keys() - before.ended.keys() == {"batches of marks"}
        left = conn.execute("select person = 3, count(*) from public.marks group by 1").fetchall()
        assert left == [(False, others)]
        conn.execute("drop table public.marks")
        conn.commit()


def test_an_export_reads_what_is_compressed_and_it_is_what_the_plan_counts(
    house: House, tmp_path: Path
) -> None:
    house.say("""
        set role house_owner; create table people (id int primary key);
        insert into people select generate_series(0, 9); reset role
    """)
    policy = whole.model().model_validate(
        {
            "system": "house",
            "database": "template1",
            "subjects": {"person": {"table": "people", "key": "id"}},
            "tables": {
                "people": {"owner": {"person": "id"}},
                "marks": {"owner": {"person": "person"}},
            },
        }
    )
    with psycopg.connect(house.admin, autocommit=True) as conn:
        conn.execute("set timezone to 'UTC'; set search_path to pg_catalog, pg_temp")
        conn.execute("set role house_owner")
        conn.execute(compression.settings("marks", ("person",), '"at" desc'))
        for chunk in survey.cuts(conn, ["marks"])["marks"].chunks[:-2]:
            conn.execute(compression.compress("public", chunk.name, again=False))
        conn.execute("reset role")
        conn.autocommit = False
        found = reach(policy, catalog.read(conn), "person")
        with ZipFile(tmp_path / "of.zip", "w") as archive:
            written = tables.write(conn, found, "marks", "3", archive, tmp_path / "spare", str)
            told = json.loads(archive.read("tables/marks.json"))
        counted = person.count(conn, found, "3", keys=True)
        [(rows,)] = conn.execute("select count(*) from public.marks where person = 3").fetchall()
        conn.rollback()
        conn.execute("drop table public.marks")
        conn.commit()
    assert rows > 3
    assert written.rows == len(told) == rows
    assert {row["person"] for row in told} == {3}
    assert written.keys == counted.keys["marks"]


def test_row_security_and_compression_exclude_each_other_on_this_version_too(house: House) -> None:
    """What keeps Longevity Coach from following its owners' document; see docs/timescale.md."""
    with psycopg.connect(house.admin, autocommit=True) as conn:
        conn.execute("set role house_owner")
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            conn.execute(
                "alter table marks enable row level security; alter table marks set (timescaledb.compress)"
            )
        conn.execute("alter table marks set (timescaledb.compress)")
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            conn.execute("alter table marks enable row level security")
        conn.execute("drop table marks; reset role")
