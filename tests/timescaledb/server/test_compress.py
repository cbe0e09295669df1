"""Old chunks are compressed by us, on either edition or it is said why not, and judged by what the chunks are."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from lifecycle.admin import install
from lifecycle.outcome import Outcome, Verdict
from lifecycle.plan import Plan
from lifecycle.policy.look import Look
from lifecycle.postgres import catalog, waits
from lifecycle.promise import Task
from lifecycle.timescale.promise import PROMISE
from lifecycle.timescale.section import SECTION, Hypertable
from tests.house import NOW, OWNER, House
from tests.keep import keep, plan

WHOLE = pytest.mark.parametrize("cluster", ["timescale"], indirect=True)
APACHE = pytest.mark.parametrize("cluster", ["apache"], indirect=True)

RULE: dict[str, Any] = {
    "chunks": "30 days",
    "compress": "30 days",
    "segment_by": ["device"],
    "order_by": ["at desc"],
}
# NOW is 2026-11-21. A row an hour for half a year, in chunks of 30 days.
MARKS = """
    create table device (id int primary key);
    insert into device select generate_series(0, 4);
    create table marks (device int not null references device, at timestamptz not null, value float not null);
    select from public.create_hypertable('marks', 'at', chunk_time_interval => interval '30 days');
    insert into marks select n % 5, timestamptz '2026-06-01Z' + n * interval '1 hour', n
      from generate_series(0, 24 * 172) n;
    reset role;
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "PATIENCE", timedelta(seconds=0.4))


def promise(house: House, **said: Any) -> None:
    house.promise()
    rule = Hypertable.model_validate(
        {k: v for k, v in (RULE | said).items() if v is not None}, strict=False
    )
    house.policy = house.policy.model_copy(update={"timescale": {"marks": rule}})
    with psycopg.connect(house.admin, autocommit=True) as conn:
        install.install(conn, house.policy, catalog.read(conn), None)


def made(house: House, **said: Any) -> None:
    house.say(OWNER + MARKS)
    promise(house, **said)


def run(house: House, now: Any = NOW) -> Outcome:
    claim = house.claim(PROMISE.job)
    try:
        return keep(PROMISE, house.system(), claim, now)
    finally:
        house.end(claim)


def shown(house: House) -> Plan[Any]:
    return plan(PROMISE, house.system(), NOW)


def content(house: House) -> Any:
    return house.ask("select count(*), sum(value), min(at), max(at), sum(device) from marks")


def states(house: House) -> list[tuple[int, int]]:
    """Return how many chunks have which status."""
    return house.ask(
        "select status, count(*)::int from _timescaledb_catalog.chunk k"
        " join timescaledb_information.chunks i on (i.chunk_schema, i.chunk_name) = (k.schema_name, k.table_name)"
        " where range_end <= '2026-10-22 12:00Z' group by 1 order by 1"
    )


def segments(house: House) -> list[list[str]]:
    return [
        row[0]
        for row in house.ask(
            "select distinct segmentby from _timescaledb_catalog.compression_settings"
            " where compress_relid is not null"
        )
    ]


def mistakes(house: House) -> str:
    with psycopg.connect(house.admin, autocommit=True) as conn:
        look = Look(house.policy, catalog.read(conn), [], [])
    assert SECTION.truth is not None
    SECTION.truth(SECTION.of(house.policy), look)
    return "; ".join(mistake.what for mistake in look.mistakes)


@WHOLE
def test_chunks_whose_time_has_come_are_compressed_and_hold_what_they_held(house: House) -> None:
    made(house)
    before = content(house)
    [set_, *chunks] = shown(house).decision.steps
    assert (set_.verb, set_.reason) == (
        "set compression",
        "nothing -> segments [device], order [at desc]",
    )
    assert {step.verb for step in chunks} == {"compress chunk"}
    outcome = run(house)
    assert (outcome.failures, outcome.verdict) == ((), Verdict.PASS)
    assert {k: outcome.counts[k] for k in ("set", "compressed", "packed", "due")} == {
        "set": 1,
        "compressed": len(chunks),
        "packed": len(chunks),
        "due": 0,
    }
    assert outcome.counts["chunks"] > len(chunks)
    assert states(house) == [(1, len(chunks))]
    assert segments(house) == [["device"]]
    assert content(house) == before
    young = "select count(*) from _timescaledb_catalog.chunk where status = 0 and compressed_chunk_id is null"
    assert house.number(young) > 0
    kept = house.ask(
        "select event, target, sum((counts ->> 'chunks')::int) from lifecycle.evidence"
        " where event like 'timescale.%' group by 1, 2 order by 1"
    )
    assert kept == [
        ("timescale.compressed", "marks", len(chunks)),
        ("timescale.set", "marks", None),
    ]
    assert shown(house).decision.steps == ()
    assert run(house).counts["compressed"] == 0


def listed(house: House) -> tuple[object, ...]:
    [row] = PROMISE.status(house.system(), NOW).rows
    return row


@WHOLE
def test_status_says_how_many_chunks_are_compressed_and_since_when_the_oldest_is_due(
    house: House,
) -> None:
    made(house)
    name, chunks, packed, left, oldest = listed(house)
    assert (name, packed) == ("marks", 0)
    assert isinstance(oldest, datetime)
    assert oldest < NOW - timedelta(days=30)
    run(house)
    assert listed(house) == ("marks", chunks, left, 0, None)


@APACHE
def test_status_says_why_nothing_is_kept(house: House) -> None:
    made(house)
    assert "licence 'apache'" in str(listed(house)[1])


@WHOLE
def test_a_month_later_the_next_chunk_is_due(house: House) -> None:
    made(house)
    run(house)
    assert run(house, NOW + timedelta(days=31)).counts["compressed"] == 1


@WHOLE
def test_rows_that_came_late_are_taken_into_their_chunk(house: House) -> None:
    made(house)
    run(house)
    house.say("insert into marks values (1, '2026-07-01 00:30Z', 7)")
    assert 9 in dict(states(house))
    [step] = shown(house).decision.steps
    assert step.reason.startswith("compressed in part, and it ended 2026-")
    before = content(house)
    assert run(house).failures == ()
    assert dict(states(house)).keys() == {1}
    assert content(house) == before


@WHOLE
def test_chunks_that_were_compressed_otherwise_are_compressed_anew_also_where_rows_came_since(
    house: House,
) -> None:
    """Scenario 41. TimescaleDB's first call takes the rows in and leaves the old segments, without a word."""
    made(house, segment_by=[])
    run(house)
    assert segments(house) == [[]]
    house.say("insert into marks values (1, '2026-07-01 00:30Z', 7)")
    before = content(house)
    promise(house)
    [set_, *chunks] = shown(house).decision.steps
    assert set_.reason == "segments [], order [at desc] -> segments [device], order [at desc]"
    assert {step.reason.partition(",")[0] for step in chunks} == {"compressed otherwise"}
    assert run(house).failures == ()
    assert segments(house) == [["device"]]
    assert dict(states(house)).keys() == {1}
    assert content(house) == before


@WHOLE
def test_what_is_not_compressed_fails_by_state_whatever_jobs_say(house: House) -> None:
    """Scenarios 44, 48."""
    made(house)
    seen = PROMISE.survey(house.system(), NOW, None)
    decision = PROMISE.decide(house.policy, seen, NOW)
    task = Task(house.system(), house.claim(PROMISE.job), NOW)
    done = PROMISE.carry_out(task, seen, type(decision)(decision.steps[:2]))
    judged = PROMISE.judge(task, seen, decision, done)
    [left] = judged.coverage.found
    due = len(decision.steps) - 2
    assert left.what.startswith(
        f"{due} chunks past 30 days are not compressed; the oldest ended 2026-"
    )


@contextmanager
def held(house: House, statement: str) -> Generator[None]:
    with psycopg.connect(house.admin) as conn:
        conn.execute(statement.encode())
        yield


@WHOLE
def test_one_chunk_that_somebody_holds_stops_no_other(house: House) -> None:
    made(house)
    [_, first, *others] = shown(house).decision.steps
    with held(house, f"select from {first.target} limit 1"):
        outcome = run(house)
    assert outcome.counts["compressed"] == len(others)
    deferred, left = outcome.failures
    assert (deferred.target, left.target) == (first.target, "marks")
    assert deferred.what.startswith(f"deferred: no lock on {first.target}")
    assert left.what.startswith("1 chunk past 30 days is not compressed")
    assert run(house).failures == ()


@WHOLE
def test_a_table_that_could_not_be_set_keeps_its_chunks_as_they_are(house: House) -> None:
    made(house)
    with held(house, "lock table only marks in access share mode"):
        outcome = run(house)
    assert (outcome.counts["set"], outcome.counts["compressed"]) == (0, 0)
    assert outcome.counts["due"] > 0
    assert outcome.failures[0].what.startswith("deferred: no lock on marks")
    assert "it is compressed by no settings" in outcome.failures[1].what


@APACHE
def test_the_apache_edition_compresses_nothing_and_the_plan_says_so(house: House) -> None:
    """Scenario 45."""
    made(house)
    planned = shown(house).decision
    assert planned.steps == ()
    assert "licence 'apache'" in planned.refusals[0].what
    assert run(house).verdict == Verdict.FAIL


def test_a_length_that_differs_is_told_with_what_the_owner_says_on_either_edition(
    house: House,
) -> None:
    made(house, chunks="1 week", compress=None, segment_by=None, order_by=None)
    [failure] = run(house).failures
    assert failure.what == "its next chunk is 30 days long, not 1 week"
    said = failure.hint.removeprefix("Its owner runs: ")
    house.say(f"set role house_owner; {said}")
    outcome = run(house)
    assert (outcome.failures, outcome.verdict) == ((), Verdict.PASS)
    [note] = shown(house).decision.notes
    assert note.endswith("are not 1 week long")
    promise(house, chunks="7 days", compress=None, segment_by=None, order_by=None)
    assert run(house).failures == ()


@WHOLE
def test_a_month_is_what_timescaledb_takes_for_one(house: House) -> None:
    made(house, chunks="1 month")
    assert (run(house).failures, shown(house).decision.notes) == ((), ())


@WHOLE
def test_a_job_of_its_own_that_compresses_sooner_fails_and_a_later_one_is_noted(
    house: House,
) -> None:
    made(house)
    run(house)
    house.say("alter role house_owner login; set role house_owner;")
    house.say("set role house_owner; select add_compression_policy('marks', interval '7 days')")
    [failure] = run(house).failures
    assert "after 7 days, sooner than the policy" in failure.what
    house.say(f"set role house_owner; {failure.hint.removeprefix('Its owner runs: ')}")
    house.say("set role house_owner; select add_compression_policy('marks', interval '60 days')")
    assert run(house).failures == ()
    [note] = shown(house).decision.notes
    assert "compresses it, too, after 60 days" in note


@WHOLE
@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        ("alter table marks enable row level security", "row security"),
        (
            """alter table marks add primary key (device, at);
            create table hint (device int, at timestamptz, foreign key (device, at) references marks)""",
            "a foreign key of hint leads to marks",
        ),
        ("alter table marks rename device to gadget", "no column 'device'"),
        ("alter table marks rename at to moment", "no column 'at'"),
    ],
)
def test_what_excludes_compression_is_refused_before_it_begins_and_found_by_the_check(
    house: House, break_it: str, said: str
) -> None:
    """Scenarios 37, 38."""
    made(house)
    house.say(f"set role house_owner; {break_it}")
    promise(house)
    planned = shown(house).decision
    assert planned.steps == ()
    assert said in planned.refusals[0].what
    assert said in mistakes(house)
    outcome = run(house)
    assert [said in failure.what for failure in outcome.failures] == [True]


def test_a_plain_table_is_no_hypertable(house: House) -> None:
    house.say(f"{OWNER} create table marks (device int, at timestamptz not null); reset role")
    promise(house)
    assert "marks is no hypertable" in mistakes(house)
    [failure] = run(house).failures
    assert "no hypertable" in failure.what or "licence" in failure.what


@WHOLE
def test_a_table_of_any_name_is_compressed_by_columns_of_any_name(house: House) -> None:
    house.say(
        OWNER
        + """
        create table "Ma'rks" ("de, vice" int not null, "A""t" timestamptz not null);
        select from public.create_hypertable('public."Ma''rks"', 'A"t', chunk_time_interval => interval '30 days');
        insert into "Ma'rks" values (1, '2026-01-01Z'), (2, '2026-03-01Z');
        reset role;
        """
    )
    house.promise()
    rule = Hypertable.model_validate(
        {"compress": "30 days", "segment_by": ["de, vice"], "order_by": ['A"t']}, strict=False
    )
    house.policy = house.policy.model_copy(update={"timescale": {"Ma'rks": rule}})
    with psycopg.connect(house.admin, autocommit=True) as conn:
        install.install(conn, house.policy, catalog.read(conn), None)
    outcome = run(house)
    assert (outcome.failures, outcome.counts["compressed"]) == ((), 2)
    assert segments(house) == [["de, vice"]]


@WHOLE
def test_code_in_a_schema_of_everybodys_is_not_called(house: House) -> None:
    """A function of the same name that would fit as well is another one's; ours is named by its exact types."""
    made(house)
    house.say(
        """create table fooled (who text); grant insert on fooled to public; grant create on schema public to public;
        create function public.compress_chunk(text, boolean, boolean) returns regclass language sql
            as $$ insert into public.fooled values (current_user) returning null::regclass $$;
        create function public.compress_chunk(regclass, boolean, integer) returns regclass language sql
            as $$ insert into public.fooled values (current_user) returning null::regclass $$"""
    )
    promise(house)
    assert run(house).failures == ()
    assert house.number("select count(*) from fooled") == 0
    assert states(house)[0][0] == 1


@WHOLE
def test_a_function_that_was_put_into_the_extension_in_place_of_its_own_is_not_called(
    house: House,
) -> None:
    made(house)
    house.say(
        """alter extension timescaledb drop function public.compress_chunk(regclass, boolean, boolean);
        create schema trap; grant usage on schema trap to public;
        create function trap.compress_chunk(regclass, boolean, boolean) returns regclass language sql
            as $$ select null::regclass $$;
        alter extension timescaledb add function trap.compress_chunk(regclass, boolean, boolean)"""
    )
    [failure] = run(house).failures
    assert "otherwise than known here" in failure.what
