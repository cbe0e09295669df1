"""Which relations are tables, which parts of a hypertable, and which copies: whatever schema they stand in."""

from typing import Any

import psycopg
import pytest

from lifecycle.admin import access
from lifecycle.errors import Refused
from lifecycle.outcome import Verdict
from lifecycle.policy import reality
from lifecycle.postgres import catalog
from lifecycle.postgres.catalog import Table
from tests.house import OWNER, House, unseen
from tests.timescaledb.server.test_chunks import MARKS, everything, made, overdue

FIRST = "_timescaledb_internal._hyper_1_1_chunk"


def picture(house: House) -> catalog.Catalog:
    with psycopg.connect(house.admin, autocommit=True) as conn:
        return catalog.read(conn)


def table(house: House) -> Table:
    return picture(house).tables["marks"]


def as_owner(house: House, text: str) -> None:
    house.say(f"{OWNER} {text}")


def restored(house: House, text: str) -> None:
    """Say it as a restore does: rows go where the statement says, and into no chunk."""
    with psycopg.connect(house.admin, autocommit=True) as conn:
        conn.execute("set timescaledb.restoring = on")
        conn.execute(text.encode())


@pytest.mark.parametrize("cluster", ["timescale"], indirect=True)
def test_a_chunk_that_was_detached_is_a_table_and_must_be_declared(house: House) -> None:
    made(house)
    rows = house.number(f"select count(*) from {FIRST}")
    house.say(f"call public.detach_chunk('{FIRST}')")
    with pytest.raises(Refused, match=f"table {FIRST} is in the database and not declared"):
        house.run()
    assert house.number(f"select count(*) from {FIRST}") == rows > 0
    everything(house)
    assert house.run().counts["dropped"] > 0


@pytest.mark.parametrize("said", [{}, {"do": "delete", "by": "at"}])
@pytest.mark.parametrize("schema", ["tsdata", "public"])
def test_what_is_over_ends_in_whichever_schema_the_chunks_stand(
    house: House, schema: str, said: dict[str, Any]
) -> None:
    house.say(f"{OWNER} reset role; create schema tsdata authorization house_owner")
    beside = f"partitions => 4, associated_schema_name => '{schema}'"
    as_owner(house, MARKS.replace("partitions => 4", beside))
    everything(house, **said)
    assert set(picture(house).tables) == {"marks", "person"}
    outcome = house.run()
    assert (outcome.verdict, outcome.failures, unseen(outcome)) == (Verdict.PASS, (), [])
    assert outcome.counts["deleted" if said else "dropped"] > 0
    assert overdue(house) == outcome.counts.get("waiting for their partition", 0)


def test_a_chunk_that_its_owner_moved_and_renamed_is_one_still(house: House) -> None:
    made(house)
    as_owner(
        house, f"alter table {FIRST} set schema public; alter table _hyper_1_1_chunk rename to mine"
    )
    assert "mine" in {part.name for part in table(house).partitions}
    assert "mine" not in picture(house).tables
    assert house.run().failures == ()
    assert house.ask("select to_regclass('mine') is null") == [(True,)]


def test_rows_beside_all_chunks_are_a_failure_until_they_are_out(house: House) -> None:
    made(house)
    restored(house, "insert into marks values (5001, 1, '2020-01-01')")
    assert house.number("select count(*) from only marks") == 0  # nobody sees it
    outcome = house.run()
    [failure] = outcome.failures
    assert failure.what.startswith("rows may stand in the hypertable itself")
    assert (outcome.verdict, outcome.counts["dropped"] > 0) == (Verdict.FAIL, True)
    restored(house, "delete from only marks")
    house.say("vacuum marks")
    assert house.run().failures == ()


def test_a_chunk_in_another_store_is_counted_or_named_as_unread(house: House) -> None:
    """Of tiered data: TimescaleDB's own list of chunks leaves it out."""
    beside = "partitioning_column => 'person', number_partitions => 4"
    as_owner(house, MARKS.replace(beside, "create_default_indexes => true"))
    everything(house)
    house.say(
        "create extension file_fdw; create server files foreign data wrapper file_fdw;"
        "create foreign table tier (id int not null, person int not null, at timestamptz not null) server files"
        " options (program 'echo 7,1,2020-01-01', format 'csv');"
        "alter foreign table tier owner to house_owner;"
        "select _timescaledb_functions.attach_osm_table_chunk('marks', 'tier')"
    )
    [part] = [part for part in table(house).partitions if part.name == "tier"]
    assert (part.kind, part.bound, part.parent) == ("f", "", "marks")
    assert "leaf tier (partitions of marks)" in {place["place"] for place in unseen(house.run())}
    everything(house)
    [failure] = house.run().failures
    assert failure.what == "1 overdue row in tier, a foreign table"


@pytest.mark.parametrize("cluster", ["timescale"], indirect=True)
def test_what_no_chunk_was_compressed_into_is_a_table(house: House) -> None:
    made(house)
    as_owner(
        house,
        "alter table marks set (timescaledb.compress, timescaledb.compress_segmentby = 'person')",
    )
    as_owner(house, f"select public.compress_chunk('{FIRST}')")
    assert set(picture(house).tables) == {"marks", "person"}
    house.say(
        "update _timescaledb_catalog.chunk set compressed_chunk_id = null, status = 0"
        " where compressed_chunk_id is not null"
    )
    [lost] = set(picture(house).tables) - {"marks", "person"}
    assert lost.startswith("_timescaledb_internal.compress_hyper_")


CODE = """
    create function f() returns trigger language plpgsql as 'begin return new; end';
    create trigger own before insert on marks for each row execute function f();
"""


def test_code_of_a_chunks_own_must_be_declared_and_a_copy_of_its_tables_need_not(
    house: House,
) -> None:
    as_owner(house, MARKS)
    as_owner(house, CODE)
    everything(house, do="delete", by="at")
    assert [(one.name, one.relation) for one in table(house).triggers] == [("own", "marks")]
    assert reality.compare(house.policy, picture(house)).mistakes == ()
    as_owner(
        house, f"create trigger more before delete on {FIRST} for each row execute function f()"
    )
    as_owner(
        house,
        f"drop trigger own on {FIRST}; create trigger own after insert on {FIRST} for each row execute function f()",
    )
    found = [(one.name, one.relation) for one in table(house).triggers]
    assert found == [("own", "marks"), ("more", FIRST), ("own", FIRST)]
    assert len(reality.compare(house.policy, picture(house)).mistakes) == 2
    as_owner(house, f"create rule spares as on delete to {FIRST} do instead nothing")
    assert len(reality.compare(house.policy, picture(house)).mistakes) == 3


@pytest.mark.parametrize("cluster", ["timescale"], indirect=True)
def test_a_job_of_another_table_with_the_same_name_is_not_told(house: House) -> None:
    made(house)
    house.say("create schema other authorization house_owner; alter role house_owner login")
    as_owner(
        house,
        "create table other.marks (at timestamptz not null);"
        "select from public.create_hypertable('other.marks', 'at');"
        "select public.add_retention_policy('other.marks', interval '365 days')",
    )
    everything(house)
    assert house.run().failures == ()


MONTHLY = """
    monthly with (timescaledb.continuous) as
    select public.time_bucket('30 days', at) as month, p.id, count(*)
      from marks join person p on p.id = person group by 1, 2 with no data
"""
YEARLY = """
    yearly with (timescaledb.continuous) as
    select public.time_bucket('360 days', month) as year, id, count(*) from monthly group by 1, 2 with no data
"""
VIEWS = (MONTHLY, YEARLY, "taken as select * from monthly", f"peep as select id from {FIRST}")


@pytest.mark.parametrize("cluster", ["timescale"], indirect=True)
@pytest.mark.parametrize(
    ("rule", "copies"),
    [
        ({}, ["continuous aggregate monthly", "continuous aggregate yearly", "peep", "taken"]),
        (
            {"table": "person", "do": "delete", "by": "seen"},
            ["continuous aggregate monthly", "continuous aggregate yearly", "taken"],
        ),
    ],
)
def test_continuous_aggregates_are_copies_of_all_that_they_are_made_of(
    house: House, rule: dict[str, Any], copies: list[str]
) -> None:
    """Of a hypertable, of a table joined to it, of one another; and what is made of them is a copy, too."""
    made(house)
    house.say("alter role house_owner login; alter table person add seen date")
    for view in VIEWS:
        materialize(house, view)
    assert set(picture(house).tables) == {"marks", "person"}
    house.promise({"table": "marks", "after": "1 year", "do": "drop", "because": "b"} | rule)
    house.say("update person set seen = '2020-01-01'")
    named = [place["place"] for place in unseen(house.run()) if place["place"].startswith("copy ")]
    assert [n.removeprefix("copy ").removeprefix("materialised view ") for n in named] == copies


def materialize(house: House, view: str) -> None:
    """Make a view as the owner; of a continuous aggregate nothing else may stand in the statement's transaction."""
    with psycopg.connect(house.admin, autocommit=True) as conn:
        conn.execute("set role house_owner")
        conn.execute(f"create materialized view {view}".encode())


def readers(house: House) -> list[str]:
    system = house.system()
    with system.connect("test") as conn:
        return [one.what for one in access.chunks(system, conn, catalog.read(conn))]


def test_who_may_read_a_chunk_past_its_hypertable_is_found(house: House) -> None:
    """Scenario 39: grants go to chunks, row security does not, and everybody may use their schema."""
    made(house)
    assert readers(house) == ["nobody reads 1 hypertable past it"]
    house.say(
        "drop role if exists reader; drop role if exists clerk; create role reader; create role clerk"
    )
    as_owner(house, f"grant select on marks to reader; grant select (id) on {FIRST} to clerk")
    past = "may read rows of marks past it, in its chunks"
    assert readers(house) == [f"clerk {past}"]
    as_owner(house, "alter table marks enable row level security")
    assert readers(house) == [f"clerk, reader {past}"]
    for part in table(house).partitions:
        as_owner(house, f"alter table {part.name} enable row level security")
    assert readers(house) == ["nobody reads 1 hypertable past it"]
    as_owner(house, f"create policy all_of_it on {FIRST} using (true)")
    assert readers(house) == [f"clerk, reader {past}"]
    outcome = house.run()
    assert (outcome.failures, outcome.counts["dropped"] > 0) == ((), True)
    house.say("drop owned by reader; drop role reader; drop owned by clerk; drop role clerk")


def test_the_planner_forgets_what_it_sampled_of_a_hypertable(house: House) -> None:
    made(house)
    house.say("analyze marks")
    oldest = "select min(t) from pg_stats, unnest(histogram_bounds::text::timestamptz[]) t where attname = 'at'"
    assert str(house.ask(oldest)[0][0]) < "2025"
    outcome = house.run()
    assert (outcome.verdict, unseen(outcome)) == (Verdict.PASS, [])
    assert str(house.ask(oldest)[0][0]) > "2025-10"
