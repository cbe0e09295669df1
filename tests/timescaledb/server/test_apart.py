"""Rules clear, move and archive rows of compressed chunks: these are taken apart first, and compressed again at night."""

import os
import signal
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lifecycle.admin import install
from lifecycle.errors import Unproven
from lifecycle.holds import place
from lifecycle.holds.hold import What
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Outcome, Verdict
from lifecycle.postgres import catalog, waits
from lifecycle.timescale import apart
from lifecycle.timescale.promise import PROMISE as COMPRESS
from lifecycle.timescale.section import Hypertable
from retention.promise import PROMISE
from tests.archiving import Archiving, told
from tests.house import NOW, OWNER, House, unseen
from tests.keep import keep
from tests.waiting import wait_until

pytestmark = pytest.mark.parametrize("cluster", ["timescale"], indirect=True)

# NOW is 2026-11-21. Two years of two rows a week, in chunks of 30 days: the one of the cutoff has rows that stay.
MARKS = """
    create table marks (id int not null, person int not null, at timestamptz not null, said text, primary key (id, at));
    select from public.create_hypertable('marks', 'at', chunk_time_interval => interval '30 days');
    insert into marks select n, n % 10, timestamptz '2024-12-01 12:00Z' + n * interval '84 hours', 'secret ' || n
      from generate_series(0, 205) n;
    create table marks_archive (like marks);
    reset role;
"""
RULE: dict[str, Any] = {"after": "1 year", "by": "at", "because": "as promised"}
CLEAR = RULE | {"table": "marks.said", "do": "clear"}
MOVE = RULE | {"table": "marks", "do": "move", "to": "marks_archive"}
ARCHIVE = RULE | {"table": "marks", "do": "delete", "archive": True}
WAY = Hypertable.model_validate(
    {"compress": "30 days", "segment_by": ["person"], "order_by": ["at desc"]}, strict=False
)
OVERDUE = "select count(*) from marks where at < timestamptz '2025-11-21Z'"
REST = (
    "select count(*), min(at), sum(id), min(said) from marks where at >= timestamptz '2025-11-21Z'"
)
PACKED = "select count(*) from _timescaledb_catalog.chunk where status & 1 = 1"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "PATIENCE", timedelta(seconds=0.4))


@pytest.fixture
def house(database: str, outside: tuple[str, str], tmp_path: Path) -> Archiving:
    made = Archiving(database, outside[0], tmp_path)
    made.say("create extension timescaledb")
    made.say(OWNER + MARKS)
    return made


def compress(house: House) -> Outcome:
    """Have the nightly run of the room compress what is due."""
    claim = house.claim(COMPRESS.job)
    try:
        return keep(COMPRESS, house.system(), claim, NOW)
    finally:
        house.end(claim)


def promise(house: House, rule: dict[str, Any], cap: int = 100_000) -> None:
    """Promise it over chunks that are compressed."""
    house.policy = house.policy.model_copy(update={"timescale": {"marks": WAY}})
    house.promise(rule, cap=cap)
    with psycopg.connect(house.admin, autocommit=True) as conn:
        install.install(conn, house.policy, catalog.read(conn), None)
    assert compress(house).verdict is Verdict.PASS
    assert house.number(PACKED) > 20


def test_values_are_cleared_in_compressed_chunks_which_are_compressed_again(
    house: Archiving,
) -> None:
    promise(house, CLEAR)
    packed, rest, due = house.number(PACKED), house.ask(REST), house.number(OVERDUE)
    [step] = house.plan().decision.steps
    assert "compressed chunks with such rows are taken apart first" in step.cost
    outcome = house.run()
    assert (told(outcome), outcome.verdict) == ("", Verdict.PASS), unseen(outcome)
    assert outcome.counts["cleared"] == due > 90
    assert house.number(f"{OVERDUE} and said is not null") == 0
    assert (house.ask(REST), house.number(OVERDUE)) == (rest, due)
    apart_now = packed - house.number(PACKED)
    assert apart_now == house.number(
        "select count(*) from lifecycle.evidence where event = 'timescale.taken_apart'"
    )
    assert compress(house).verdict is Verdict.PASS
    assert house.number(PACKED) == packed
    assert house.number(f"{OVERDUE} and said is not null") == 0
    assert house.run().counts["cleared"] == 0
    assert house.number(PACKED) == packed  # nothing is taken apart in vain


def test_rows_are_moved_out_of_compressed_chunks(house: Archiving) -> None:
    promise(house, MOVE)
    rest, due = house.ask(REST), house.number(OVERDUE)
    digest = (
        "select count(*), sum(hashtext(m::text)) from {} m where at < timestamptz '2025-11-21Z'"
    )
    before = house.ask(digest.format("marks"))
    outcome = house.run()
    assert (told(outcome), outcome.verdict) == ("", Verdict.PASS), unseen(outcome)
    assert outcome.counts["moved"] == due
    assert house.ask(digest.format("marks_archive")) == before
    assert (house.number(OVERDUE), house.ask(REST)) == (0, rest)


def test_rows_of_compressed_chunks_are_archived_and_proven_before_they_go(
    house: Archiving,
) -> None:
    promise(house, ARCHIVE)
    rest, due = house.ask(REST), house.number(OVERDUE)
    outcome = house.run()
    assert (told(outcome), outcome.counts["deleted"]) == ("", due), unseen(outcome)
    assert (house.number(OVERDUE), house.ask(REST)) == (0, rest)
    assert sum(one.description.content.rows for one in house.archives()) == due


def test_a_row_on_hold_and_one_that_came_since_the_survey_stay(
    house: Archiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    promise(house, CLEAR)
    with house.system().connect("test") as conn:
        what = What("value", column="id", key="7")
        place.place(conn, what, because="a suit", placed_by="case 7", until=None)
    due, real = house.number(OVERDUE), apart.take

    def take(*args: Any) -> str:
        if house.number("select count(*) from marks where id = 5000") == 0:
            house.say("insert into marks values (5000, 3, '2024-12-02Z', 'late')")
        return real(*args)

    monkeypatch.setattr(apart, "take", take)
    outcome = house.run()
    monkeypatch.undo()
    assert outcome.counts["cleared"] == due - 1
    kept = house.ask(
        "select id from marks where at < '2025-11-21Z' and said is not null order by 1"
    )
    assert kept == [(7,), (5000,)]
    assert house.run().counts["cleared"] == 1


def test_a_chunk_that_cannot_be_taken_apart_keeps_its_rows_and_is_named(
    house: Archiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    promise(house, MOVE)
    before = house.number(OVERDUE)
    with psycopg.connect(house.admin) as reader:
        reader.execute("select count(*) from marks")
        outcome = house.run()
    assert outcome.verdict is Verdict.FAIL
    assert "is compressed, and was not taken apart: deferred: no lock on" in told(outcome)
    assert house.number(OVERDUE) == before
    assert house.run().counts["moved"] == before


def test_a_run_that_ends_between_the_two_goes_on(
    house: Archiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a kill would leave it: the chunk is apart, and no row of it has changed."""
    promise(house, CLEAR)
    due, real = house.number(OVERDUE), apart.take

    def take(*args: Any) -> str:
        real(*args)
        raise Unproven("the machine went away", hint="")

    monkeypatch.setattr(apart, "take", take)
    assert "the machine went away" in told(house.run())
    monkeypatch.undo()
    assert house.number(f"{OVERDUE} and said is not null") == due
    outcome = house.run()
    assert (told(outcome), outcome.counts["cleared"]) == ("", due)


# Four chunks that are overdue, of 100,000 rows each: to take one apart takes a while.
MANY = """
    insert into marks select n, n % 10, timestamptz '2025-06-01Z' + n * interval '25.92 seconds', 'secret ' || n
      from generate_series(1000, 400999) n;
"""
BUSY = """
    select a.pid from pg_stat_activity a join pg_locks l on l.pid = a.pid join pg_class c on c.oid = l.relation
     where a.application_name like 'lifecycle timescale%' and l.granted and l.mode = 'AccessExclusiveLock'
       and c.relname like '\\_hyper\\_%\\_chunk'
"""
CONTENT = "select count(*), sum(id), min(at), max(at), count(said), sum(hashtext(said)) from marks"


def _run_in_a_process(house: House, claim: Claim) -> None:
    keep(PROMISE, house.system(), claim, NOW)


def _busy(house: House) -> Any:
    try:
        return house.ask(BUSY)
    except psycopg.OperationalError:
        return None


@pytest.mark.parametrize("who", ["ours", "the server's"])
def test_killed_while_a_chunk_is_taken_apart_no_row_is_lost_and_the_next_run_goes_on(
    house: Archiving, who: str
) -> None:
    house.say(MANY)
    promise(house, CLEAR, cap=1_000_000)
    before, due = house.ask(CONTENT), house.number(f"{OVERDUE} and said is not null")
    claim = house.claim()
    child = get_context("fork").Process(target=_run_in_a_process, args=(house, claim))
    child.start()
    [(backend,), *_] = wait_until(lambda: _busy(house))
    assert child.pid is not None
    os.kill(child.pid if who == "ours" else backend, signal.SIGKILL)
    child.join()
    gone = "select 1 where not exists (select from pg_stat_activity where application_name like 'lifecycle %')"
    wait_until(lambda: house.ask(gone), forgive=psycopg.OperationalError)
    # What the ledger says was cleared is what is: of the chunk that was under way all rows are there as they were.
    cleared = house.number(
        "select coalesce(sum((counts ->> 'rows')::bigint), 0) from lifecycle.evidence where event = 'retention.cleared'"
    )
    assert house.number(f"{OVERDUE} and said is not null") == due - cleared > 0
    assert house.ask(CONTENT)[0][:4] == before[0][:4]
    house.end(claim)
    outcome = house.run()
    assert (told(outcome), outcome.counts["cleared"]) == ("", due - cleared)
    assert house.number(f"{OVERDUE} and said is not null") == 0
    assert house.ask(CONTENT)[0][:4] == before[0][:4]
